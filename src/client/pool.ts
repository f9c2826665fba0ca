import { isWalshipError, WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Dialer } from '../ports/link.ts';
import { Connection } from './connection.ts';
import { unreachableHint } from './node-address.ts';

export interface PoolOptions {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

/** Pool with one connection per node, opened when it is first needed and again after it broke. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #open = new Map<string, Connection>();
  readonly #opening = new Map<string, Promise<Connection>>();
  /** Last failure to open a connection, by address. */
  readonly #failures = new Map<string, WalshipError>();
  /** Cluster id, taken from the first node that has one: all nodes have to be of one cluster. */
  #clusterId: string | null = null;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Returns the open connection, if there is one. */
  ready(address: string): Connection | undefined {
    return this.#open.get(address);
  }

  /**
   * Returns the last failure to open a connection there: undefined if there was none, or if a later attempt
   * succeeded.
   */
  failureAt(address: string): WalshipError | undefined {
    return this.#failures.get(address);
  }

  /**
   * Opens a connection, or returns the open one. @throws WalshipError PEER_UNREACHABLE, UNSUPPORTED_VERSION,
   * WRONG_CLUSTER.
   */
  connect(address: string): Promise<Connection> {
    const open = this.#open.get(address);
    if (open !== undefined) return Promise.resolve(open);
    const opening = this.#opening.get(address) ?? this.#dial(address);
    this.#opening.set(address, opening);
    return opening;
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#open.values()) connection.close('the client was closed');
  }

  async #dial(address: string): Promise<Connection> {
    const onClosed = (connection: Connection): void => {
      if (this.#open.get(address) === connection) this.#open.delete(address);
    };
    try {
      const connection = await Connection.open({ ...this.#options, address, onClosed });
      this.#admit(connection);
      this.#failures.delete(address);
      return connection;
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      const failure = withHint(error);
      this.#failures.set(address, failure);
      throw failure;
    } finally {
      this.#opening.delete(address);
    }
  }

  #admit(connection: Connection): void {
    const { clusterId } = connection.hello;
    const { address } = connection;
    if (this.#closed) {
      connection.close('the client was closed');
    } else if (clusterId !== null && this.#clusterId !== null && clusterId !== this.#clusterId) {
      connection.close('another cluster');
      const message = `${address} is of cluster ${clusterId}, expected ${this.#clusterId}`;
      throw new WalshipError('WRONG_CLUSTER', message, { details: { address } });
    } else if (connection.open) {
      this.#clusterId ??= clusterId;
      this.#open.set(address, connection);
    }
  }
}

function withHint(error: WalshipError): WalshipError {
  const hint = unreachableHint(error.cause);
  if (hint.hint === undefined) return error;
  const { code, message, cause, details } = error;
  return new WalshipError(code, message, { cause, details: { ...details, ...hint } });
}
