import { isWalshipError } from '../errors.ts';
import type { SwitchoverRequest } from '../node/api/api.ts';
import { readBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { OTHER_BODY_BYTES_MAX } from './limits.ts';
import { fetchStatus } from './peer-status.ts';
import { sendJson } from './reply.ts';
import { invalidRequest } from './invalid-request.ts';

/** Handles `POST /v1/admin/snapshot`: this node takes a snapshot now. */
export async function postSnapshot(exchange: Exchange): Promise<void> {
  exchange.query.finish();
  await readBody(exchange, { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' });
  sendJson(exchange.response, await exchange.node.snapshot());
}

/** Handles `POST /v1/admin/promote`: this node tries to lead, because an operator asked. */
export async function postPromote(exchange: Exchange): Promise<void> {
  exchange.query.finish();
  await readBody(exchange, { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' });
  sendJson(exchange.response, await exchange.node.promote());
}

/** Default time limit of a switchover in milliseconds, and the highest that a request may ask for. */
export const SWITCHOVER_MS_DEFAULT = 5_000;
export const SWITCHOVER_MS_MAX = 60_000;

/**
 * Handles `POST /v1/admin/switchover`: the leader hands over to the node that the body names. The answer contains how
 * the new leader came to lead, if that node reports it.
 */
export async function postSwitchover(exchange: Exchange): Promise<void> {
  exchange.query.finish();
  const limit = { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' } as const;
  const request = parseSwitchover(await readBody(exchange, limit));
  const { node, response } = exchange;
  const result = await node.switchover(request);
  const address = node.status().voters.find(({ nodeId }) => nodeId === result.to)?.address;
  sendJson(response, { ...result, leadership: await leadershipOf(address) });
}

function parseSwitchover(body: Buffer): SwitchoverRequest {
  const { to, timeoutMs = SWITCHOVER_MS_DEFAULT, ...rest } = objectOf(body);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalidRequest(`"${unknown}" is not a field of a switchover`);
  if (typeof to !== 'string' || to === '') throw invalidRequest('"to" must be the id of a node');
  if (
    typeof timeoutMs !== 'number' ||
    !Number.isInteger(timeoutMs) ||
    timeoutMs < 1 ||
    timeoutMs > SWITCHOVER_MS_MAX
  ) {
    throw invalidRequest(`"timeoutMs" must be a whole number in [1, ${SWITCHOVER_MS_MAX}]`);
  }
  return { to, timeoutMs };
}

function objectOf(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // An array or a number gets the same refusal, below.
  }
  throw invalidRequest('the body must be a JSON object such as {"to": "n2"}');
}

async function leadershipOf(address: string | undefined): Promise<unknown> {
  if (address === undefined) return null;
  try {
    return (await fetchStatus(address))['leadership'] ?? null;
  } catch (error) {
    if (!isWalshipError(error, 'PEER_UNREACHABLE')) throw error;
    return null;
  }
}
