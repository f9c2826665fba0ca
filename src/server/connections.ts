import type { Socket } from 'node:net';
import { CONNECTIONS_KEPT } from './limits.ts';

/** What became of a new connection. */
export type Admission = 'admitted' | 'refused';

/**
 * The sockets of one server. Where there are too many, the client's that has been idle for longest gives way to the newcomer; where none is idle, a
 * newcomer gets one of the places that are kept, in which only nodes and operators are served.
 *
 * Invariant: no more than `max + CONNECTIONS_KEPT` are open.
 */
export class Connections {
  readonly max: number;
  readonly #open = new Set<Socket>();
  /** Those without a request under way, the one that has been for longest first. */
  readonly #idle = new Set<Socket>();
  /** Requests under way on each of the others. */
  readonly #requests = new Map<Socket, number>();

  constructor(max: number) {
    this.max = max;
  }

  get count(): number {
    return this.#open.size;
  }

  /** All places of clients are taken: what is served now has a place that is kept. */
  get full(): boolean {
    return this.#open.size > this.max;
  }

  /** A connection was made. */
  admit(socket: Socket): Admission {
    if (this.#open.size >= this.max) this.#giveWay();
    if (this.#open.size >= this.max + CONNECTIONS_KEPT) {
      socket.destroy();
      return 'refused';
    }
    this.#open.add(socket);
    this.#idle.add(socket);
    socket.once('close', () => this.#forget(socket));
    return 'admitted';
  }

  /** A request came on it, or it became a link: it does not give way. */
  busy(socket: Socket): void {
    if (!this.#open.has(socket)) return;
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
    this.#idle.delete(socket);
  }

  /** A request on it was answered. */
  answered(socket: Socket): void {
    const left = (this.#requests.get(socket) ?? 1) - 1;
    if (left > 0) return void this.#requests.set(socket, left);
    this.#requests.delete(socket);
    if (this.#open.has(socket)) this.#idle.add(socket);
  }

  #giveWay(): void {
    const [longest] = this.#idle;
    if (longest === undefined) return;
    this.#forget(longest);
    longest.destroy();
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#idle.delete(socket);
    this.#requests.delete(socket);
  }
}
