import { WalshipError } from '../errors.ts';
import { readFields } from './admin-json.ts';
import type { Exchange } from './exchange.ts';
import { TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX } from './limits.ts';
import { sendJson } from './reply.ts';

/**
 * Handles `POST /v1/admin/failover {acceptDataLoss, quorum}`: continues with the voters that answer, or returns the
 * plan only.
 */
export async function postFailover(exchange: Exchange): Promise<void> {
  exchange.query.finish();
  const shape = { acceptDataLoss: 'boolean', quorum: 'count' } as const;
  const { acceptDataLoss = false, quorum } = await readFields(exchange, shape);
  const request = { acceptDataLoss, ...(quorum === undefined ? {} : { quorum }) };
  sendJson(exchange.response, await exchange.node.failover(request));
}

/**
 * Handles `POST /v1/admin/rejoin {discard, from, timeoutMs}`: this node follows a leader, in another history if
 * necessary.
 */
export async function postRejoin(exchange: Exchange): Promise<void> {
  exchange.query.finish();
  const shape = { discard: 'boolean', from: 'string', timeoutMs: 'count' } as const;
  const { discard = false, from, timeoutMs } = await readFields(exchange, shape);
  if (from !== undefined && !isAddress(from)) {
    throw new WalshipError('REQUEST_INVALID', `from must be HOST:PORT, not "${from}"`);
  }
  const request = {
    discard,
    timeoutMs: Math.min(timeoutMs ?? TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX),
    ...(from === undefined ? {} : { from }),
  };
  sendJson(exchange.response, await exchange.node.rejoin(request));
}

/** True for a host and a port, as `--peers` names nodes. */
function isAddress(text: string): boolean {
  const url = `http://${text}`;
  if (!/:\d{1,5}$/.test(text) || !URL.canParse(url)) return false;
  const { hostname, pathname, search, hash, username, password } = new URL(url);
  return hostname !== '' && pathname === '/' && search + hash + username + password === '';
}
