import { Node } from '../node/node.ts';
import type { NodeFactory } from './sim-machine.ts';

/** A real node on a simulated machine. */
export const openSimNode: NodeFactory = ({ note, ...parts }) =>
  Node.open({
    ...parts,
    onEvent: ({ level, code, message }) => note(`${parts.nodeId} ${level} ${code}: ${message}`),
  });
