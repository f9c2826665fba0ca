import type { NodeStatus } from '../node/api/api.ts';
import { formatVersion } from '../wal/format/position.ts';
import type { Delay } from './event-loop-delay.ts';
import type { Exchange } from './exchange.ts';
import { sendJson } from './reply.ts';

/** Handles `GET /v1/status`: this node's own view. */
export function getStatus({ node, query, response, shared }: Exchange): void {
  query.finish();
  sendJson(response, statusToJson(node.status(), shared.delay.read()));
}

/** Formats a NodeStatus, with `applied` in the form that clients send back, and the event loop delay. */
export function statusToJson(status: NodeStatus, eventLoopDelay: Delay): object {
  return { ...status, applied: formatVersion(status.applied), eventLoopDelay };
}
