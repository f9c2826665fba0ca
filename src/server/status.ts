import type { NodeStatus } from '../node/api/api.ts';
import { formatVersion } from '../wal/format/position.ts';
import type { Delay } from './event-loop-delay.ts';
import type { Exchange } from './exchange.ts';
import { sendJson } from './reply.ts';

/** `GET /v1/status`: this node's own view. */
export function getStatus({ node, query, response, shared }: Exchange): void {
  query.finish();
  sendJson(response, statusToJson(node.status(), shared.delay.read()));
}

/** As NodeStatus has it, with `applied` written as clients may send it back, and how late the process gets to its work. */
export function statusToJson(status: NodeStatus, eventLoopDelay: Delay): object {
  return { ...status, applied: formatVersion(status.applied), eventLoopDelay };
}
