import type { NodeApi } from '../node/api/api.ts';
import type { Clock } from '../ports/clock.ts';
import type { Link } from '../ports/link.ts';
import { ClientSession } from './client-session.ts';
import type { ClientSessionOptions } from './client-session.ts';

export interface ClientSessionsOptions {
  readonly node: NodeApi;
  readonly clock: Clock;
  readonly shared: ClientSessionOptions['shared'];
  readonly log: { error(fields: object, message: string): void };
}

/** Clients that are connected to one node. */
export class ClientSessions {
  readonly #options: ClientSessionsOptions;
  readonly #sessions = new Set<ClientSession>();
  #draining = false;

  constructor(options: ClientSessionsOptions) {
    this.#options = options;
  }

  /** Takes over a link that a client opened. */
  accept(link: Link): void {
    const { node, clock, shared, log } = this.#options;
    if (this.#draining) return link.close('NODE_CLOSED: the node is shutting down');
    const session = new ClientSession({
      link,
      node,
      clock,
      shared,
      onInternal: (err, request) => log.error({ err, request }, 'request of a client failed'),
      onClose: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
  }

  /** Takes no more requests, ends watches, and resolves when those in flight are answered, or after `msMax`. */
  async drain(msMax: number): Promise<void> {
    this.#draining = true;
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(msMax, resolve);
    });
    await Promise.race([Promise.all([...this.#sessions].map((session) => session.drain())), late]);
    cancel();
  }
}
