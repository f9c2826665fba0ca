import type { NodeStatus } from '../node/api.ts';
import { formatVersion } from '../wal/position.ts';
import type { Exchange } from './exchange.ts';
import { sendJson } from './reply.ts';

/** `GET /v1/status`: this node's own view. */
export function getStatus({ node, query, response }: Exchange): void {
  query.finish();
  sendJson(response, statusToJson(node.status()));
}

/** As NodeStatus has it, with `applied` written as clients may send it back. */
export function statusToJson(status: NodeStatus): object {
  return { ...status, applied: formatVersion(status.applied) };
}
