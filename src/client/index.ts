/** Client of a walship cluster: `walship/client`. */
import { SystemClock } from '../ports/system-clock.ts';
import { SystemEntropy } from '../ports/system-entropy.ts';
import { CLIENT_PATH, WsDialer } from '../ports/ws-link.ts';
import { Client } from './client.ts';

export type { Client } from './client.ts';
export type * from './api.ts';
export { ERRORS, isWalshipError, WalshipError } from '../errors.ts';
export type { ErrorCode, ErrorDetails, Outcome } from '../errors.ts';

/** Time limit for opening one connection, in milliseconds. */
export const DIAL_MS_MAX = 1_500;

export interface ConnectOptions {
  /**
   * Addresses of the nodes, `host:port`: name them all, so that any of them may be down. Use `id=host:port` for a
   * node that is reached at another address than its peers use: the client then ignores the peers' address.
   */
  readonly nodes: readonly string[];
  /** Default time limit of a call in milliseconds; 5,000 unless given. */
  readonly timeoutMs?: number;
  /** Milliseconds to look for a first node that answers; as long as a call unless given. */
  readonly connectMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Connects to a cluster; resolves when one of the nodes has answered.
 * @throws WalshipError CONFIG_INVALID, PEER_UNREACHABLE, WRONG_CLUSTER, UNSUPPORTED_VERSION, ABORTED.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const { nodes, timeoutMs, connectMs, signal } = options;
  const client = new Client({
    nodes,
    dialer: new WsDialer(DIAL_MS_MAX, CLIENT_PATH),
    clock: new SystemClock(),
    entropy: new SystemEntropy(),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  try {
    await client.ready({
      ...(connectMs === undefined ? {} : { timeoutMs: connectMs }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}
