import type { Client } from '../client/client.ts';
import { isWalshipError, WalshipError } from '../errors.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';

/** Milliseconds after which a command that finds no node fails. */
const CONNECT_MS_MAX = 2_000;

/** Connects to the nodes at `--url` for as long as `use` takes. */
export async function withClient<T>(
  options: ClientOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connected(options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Connects like `withClient`, for a write: without a connection it was certainly not written. */
export async function withWriter<T>(
  options: ClientOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  let found = false;
  try {
    return await withClient(options, (client) => {
      found = true;
      return use(client);
    });
  } catch (error) {
    if (found || !isWalshipError(error)) throw error;
    const { code, message, details } = error;
    throw new WalshipError(code, message, { details, outcome: 'rejected', cause: error });
  }
}

async function connected({ url, timeoutMs }: ClientOptions): Promise<Client> {
  // The import is here because the other commands start faster without it.
  const { connect } = await import('../client/index.ts');
  const nodes = new ClusterClient(url).nodes.map(({ nodeId, address }) =>
    nodeId === undefined ? address : `${nodeId}=${address}`,
  );
  const connectMs = Math.min(timeoutMs, CONNECT_MS_MAX);
  return await connect({ nodes, timeoutMs, connectMs });
}
