import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

interface Pending {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Requests of each connection that are not answered yet, oldest first: a client may send the next one before it has the answer to the
 * one before.
 */
export class Unanswered {
  readonly #bySocket = new WeakMap<Duplex, Set<Pending>>();

  /**
   * Adds a request until `response` closes, which it does with its connection too. Returns the previous answer of the
   * connection, if it is not complete.
   */
  add(request: IncomingMessage, response: ServerResponse): ServerResponse | undefined {
    const { socket } = request;
    const pending = this.#bySocket.get(socket) ?? this.#watch(socket);
    const before = [...pending].at(-1)?.response;
    const one = { request, response };
    pending.add(one);
    response.once('close', () => pending.delete(one));
    return before;
  }

  /** Returns the number of unanswered requests of this connection. */
  count(socket: Duplex): number {
    return this.#bySocket.get(socket)?.size ?? 0;
  }

  /**
   * Returns true if an error about the latest bytes can be answered there: as the answer to their own request, and
   * not to another.
   */
  mayTell(socket: Duplex): boolean {
    const [first, ...more] = this.#bySocket.get(socket) ?? [];
    if (first === undefined) return true;
    return more.length === 0 && !first.request.complete && !first.response.headersSent;
  }

  #watch(socket: Duplex): Set<Pending> {
    const pending = new Set<Pending>();
    this.#bySocket.set(socket, pending);
    socket.once('close', () => {
      // Node closes only the answer that is being sent. The later ones have no connection yet, and would never learn
      // that it is gone.
      for (const { response } of pending) {
        if (response.socket !== null) continue;
        response.destroy();
        response.emit('close');
      }
    });
    return pending;
  }
}
