import { readBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { OTHER_BODY_BYTES_MAX } from './limits.ts';
import { sendJson } from './reply.ts';

/** `POST /v1/admin/snapshot`: this node takes a snapshot now. */
export async function postSnapshot(exchange: Exchange): Promise<void> {
  exchange.query.finish();
  await readBody(exchange, { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' });
  sendJson(exchange.response, await exchange.node.snapshot());
}

/** `POST /v1/admin/promote`: this node tries to lead, because an operator asked. */
export async function postPromote(exchange: Exchange): Promise<void> {
  exchange.query.finish();
  await readBody(exchange, { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' });
  sendJson(exchange.response, await exchange.node.promote());
}
