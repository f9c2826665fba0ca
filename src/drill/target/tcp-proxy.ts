/**
 * Proxy between one node and the address of another, on a loopback port of its own, with a path condition for each direction.
 *
 * A cut loses nothing: bytes sent into it wait, as segments do that are sent again and again, and arrive when the cut ends. A connection that was held
 * up for longer than HOLD_MS_MAX is reset then, since real ones do not survive that. A node that dials into a cut is accepted, and then hears nothing.
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { BytePump } from './byte-pump.ts';
import type { Fraction, PathCondition } from './network-path.ts';

/** Milliseconds of a cut after which a held connection is reset once the cut ends. */
export const HOLD_MS_MAX = 3_000;

export interface ProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Returns the present condition of the path from the dialing node to the listening one. */
  readonly there: () => PathCondition;
  readonly back: () => PathCondition;
  readonly fraction: Fraction;
  readonly nowMs: () => number;
}

interface Connection {
  readonly sockets: readonly [Socket, Socket];
  readonly pumps: readonly BytePump[];
  /** Time since which a cut has been holding it up. */
  heldSinceMs: number | undefined;
}

export class TcpProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Resolves when it listens on a free port of 127.0.0.1. */
  static async open(options: ProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Applies a change of one of the paths. */
  changed(): void {
    const isCut = this.#options.there().cut || this.#options.back().cut;
    const now = this.#options.nowMs();
    for (const connection of this.#connections) {
      const { heldSinceMs } = connection;
      connection.heldSinceMs = isCut ? (heldSinceMs ?? now) : undefined;
      if (!isCut && heldSinceMs !== undefined && now - heldSinceMs > HOLD_MS_MAX) {
        resetBoth(connection);
      }
      for (const pump of connection.pumps) pump.changed();
    }
  }

  /** Resets every connection; new ones are accepted. */
  reset(): void {
    for (const connection of this.#connections) resetBoth(connection);
  }

  /** Closes the proxy and its connections; idempotent. */
  async close(): Promise<void> {
    this.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const { target, there, back, fraction, nowMs } = this.#options;
    const upstream = connect({ ...target, allowHalfOpen: true });
    const shared = { fraction, nowMs };
    const connection: Connection = {
      sockets: [socket, upstream],
      pumps: [
        new BytePump({ source: socket, sink: upstream, path: there, ...shared }),
        new BytePump({ source: upstream, sink: socket, path: back, ...shared }),
      ],
      heldSinceMs: there().cut || back().cut ? nowMs() : undefined,
    };
    this.#connections.add(connection);
    for (const each of connection.sockets) {
      each.setNoDelay(true);
      each.on('close', () => {
        if (connection.sockets.every(({ closed }) => closed)) this.#connections.delete(connection);
      });
    }
  }
}

function resetBoth({ sockets }: Connection): void {
  for (const socket of sockets) socket.resetAndDestroy();
}
