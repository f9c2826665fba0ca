import { Node } from '../node/node.ts';
import type { NodeFactory } from './sim-machine.ts';

/** Opens a real node on a simulated machine. */
export const openSimNode: NodeFactory = ({ note, retention, ...parts }) =>
  Node.open({
    ...parts,
    ...retention,
    // The memory for recent batches is so small that lagging followers are served from the files.
    recentBytesMax: 16 * 1024,
    onEvent: ({ level, code, message }) => note(`${parts.nodeId} ${level} ${code}: ${message}`),
  });
