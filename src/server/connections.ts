import type { Socket } from 'node:net';
import { CONNECTIONS_KEPT } from './limits.ts';

/** Result for a new connection. */
export type Admission = 'admitted' | 'refused';

/**
 * Sockets of one server. If there are too many, the client socket that has been idle longest is closed for the new
 * one; if none is idle, the new one gets one of the reserved places, in which only nodes and operators are served.
 * The latest sockets without a request yet are not closed before all of these places are taken: a health check must
 * have time to send its request.
 *
 * Invariant: no more than `max + CONNECTIONS_KEPT` are open.
 */
export class Connections {
  readonly max: number;
  readonly #open = new Set<Socket>();
  /** Sockets without a request under way, the one that has been idle longest first. */
  readonly #idle = new Set<Socket>();
  /** Latest sockets without any request yet, the oldest first. */
  readonly #fresh = new Set<Socket>();
  /** Number of requests under way on each of the other sockets. */
  readonly #requests = new Map<Socket, number>();

  constructor(max: number) {
    this.max = max;
  }

  get count(): number {
    return this.#open.size;
  }

  /** True if all client places are taken: the socket served now has a reserved place. */
  get full(): boolean {
    return this.#open.size > this.max;
  }

  /** Admits a new connection, or refuses it. */
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

  /** Marks a socket as busy: a request came, or it became a link. It is not closed for new ones. */
  busy(socket: Socket): void {
    if (!this.#open.has(socket)) return;
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
    this.#idle.delete(socket);
    this.#fresh.delete(socket);
  }

  /** Marks a request on it as answered. */
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
