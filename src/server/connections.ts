import type { Socket } from 'node:net';
import { CONNECTIONS_KEPT } from './limits.ts';

/** What became of a new connection. */
export type Admission = 'admitted' | 'refused';

/**
 * The sockets of one server. Where there are too many, the client's that has been idle for longest gives way to the newcomer; where none is idle, a
 * newcomer gets one of the places that are kept, in which only nodes and operators are served. The latest that have not asked for anything yet do not
 * give way before all of these places are taken: a health check has to get to say what it is.
 *
 * Invariant: no more than `max + CONNECTIONS_KEPT` are open.
 */
export class Connections {
  readonly max: number;
  readonly #open = new Set<Socket>();
  /** Those without a request under way, the one that has been for longest first. */
  readonly #idle = new Set<Socket>();
  /** The latest that have not asked for anything yet, the oldest first. */
  readonly #fresh = new Set<Socket>();
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
    this.#welcome(socket);
    socket.once('close', () => this.#forget(socket));
    return 'admitted';
  }

  /** A request came on it, or it became a link: it does not give way. */
  busy(socket: Socket): void {
    if (!this.#open.has(socket)) return;
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
    this.#idle.delete(socket);
    this.#fresh.delete(socket);
  }

  /** A request on it was answered. */
  answered(socket: Socket): void {
    const left = (this.#requests.get(socket) ?? 1) - 1;
    if (left > 0) return void this.#requests.set(socket, left);
    this.#requests.delete(socket);
    if (this.#open.has(socket)) this.#idle.add(socket);
  }

  #welcome(socket: Socket): void {
    this.#fresh.add(socket);
    const freshMax = Math.min(CONNECTIONS_KEPT, Math.ceil(this.max / 2));
    const [oldest] = this.#fresh;
    if (oldest !== undefined && this.#fresh.size > freshMax) this.#fresh.delete(oldest);
  }

  #giveWay(): void {
    const longest = this.#longestIdle();
    if (longest === undefined) return;
    this.#forget(longest);
    longest.destroy();
  }

  #longestIdle(): Socket | undefined {
    const keptTaken = this.#open.size >= this.max + CONNECTIONS_KEPT;
    for (const socket of this.#idle) if (keptTaken || !this.#fresh.has(socket)) return socket;
    return undefined;
  }

  #forget(socket: Socket): void {
    this.#fresh.delete(socket);
    this.#open.delete(socket);
    this.#idle.delete(socket);
    this.#requests.delete(socket);
  }
}
