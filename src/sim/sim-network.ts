/**
 * Network between machines, whose every delay comes from a seed.
 *
 * Links behave as TCP connections do: messages arrive whole, in order, once, after a delay with jitter, or the link breaks. A message
 * sent into a cut waits and arrives when the cut is healed, unless the link was broken before. A process that is killed
 * closes its links (its peers hear of it where the path is open); a machine that loses power says nothing, and
 * answers with a reset when it is asked after its return. A message handed to a receiver is overwritten when
 * its handler returns, and one handed to `send` is read only when the network takes it: code that keeps or reuses a buffer
 * against the port's rules is found out.
 */
import { WalshipError } from '../errors.ts';
import type { Dialer, Link } from '../ports/link.ts';
import type { SimClock, SimProcess } from './sim-clock.ts';
import { SeededEntropy } from '../ports/seeded-entropy.ts';
import { SimLink, type SimPath } from './sim-link.ts';

export interface SimNetworkOptions {
  readonly seed: number | string;
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** Milliseconds that a dialer waits for an answer. */
  readonly dialTimeoutMs?: number;
}

interface Listener {
  readonly process: SimProcess;
  readonly onLink: (link: Link) => void;
}

interface Connection {
  readonly from: string;
  readonly to: string;
  readonly ends: readonly [SimLink, SimLink];
}

export class SimNetwork {
  /** Called with each message in the moment of sending, and with the address of its machine. */
  watch: (from: string, message: Buffer) => void = () => undefined;
  /** Changes a message on its way, in place. */
  damage: (message: Buffer) => void = () => undefined;
  readonly #clock: SimClock;
  readonly #entropy: SeededEntropy;
  readonly #options: Required<SimNetworkOptions>;
  readonly #paths = new Map<string, SimPath>();
  readonly #listeners = new Map<string, Listener>();
  /** Machines without power, or silent ones: a closed port refuses, these do not answer. */
  readonly #dark = new Set<string>();
  #connections: Connection[] = [];

  constructor(clock: SimClock, options: SimNetworkOptions) {
    this.#clock = clock;
    this.#entropy = new SeededEntropy(options.seed).fork('network');
    this.#options = { delayMs: 0.5, jitterMs: 0.5, dialTimeoutMs: 1000, ...options };
  }

  /** Accepts links at `address` while the process is alive; the returned function stops it. */
  listen(address: string, process: SimProcess, onLink: (link: Link) => void): () => void {
    const listener = { process, onLink };
    this.#listeners.set(address, listener);
    this.#dark.delete(address);
    const stop = (): void => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
    };
    process.onDeath(stop);
    return stop;
  }

  /** Returns a dialer for the machine at `address`, which works while the process is alive. */
  dialer(address: string, process: SimProcess): Dialer {
    return { dial: (target) => this.#dial(address, target, process) };
  }

  /**
   * Returns the path from one machine to another, to be slowed down or cut. Heal with `heal`, which also sends the
   * waiting messages.
   */
  path(from: string, to: string): SimPath {
    const key = `${from}>${to}`;
    let path = this.#paths.get(key);
    if (path === undefined) {
      const { delayMs, jitterMs } = this.#options;
      path = { isCut: false, delayMs, jitterMs };
      this.#paths.set(key, path);
    }
    return path;
  }

  /** Cuts the path from one machine to the other; the way back stays open. */
  cut(from: string, to: string): void {
    this.path(from, to).isCut = true;
  }

  /** Cuts all paths between the machines of the two sides. */
  partition(side: readonly string[], others: readonly string[]): void {
    for (const a of side) {
      for (const b of others) {
        this.cut(a, b);
        this.cut(b, a);
      }
    }
  }

  /** Restores every path; waiting messages go out. */
  heal(): void {
    const { delayMs, jitterMs } = this.#options;
    for (const path of this.#paths.values()) {
      Object.assign(path, { isCut: false, delayMs, jitterMs });
    }
    for (const { ends } of this.#connections) for (const end of ends) end.flush();
  }

  /** Breaks every link between two machines; both ends are told, messages under way are lost. */
  breakLinks(a: string, b: string): void {
    for (const connection of this.#between(a, b)) {
      for (const end of connection.ends) {
        end.lose();
        end.reset('connection reset');
      }
    }
    this.#forgetClosed();
  }

  /**
   * Breaks every link between two machines for one of them; the other one is not told, and still gets the messages
   * under way.
   */
  breakEnds(at: string, peer: string): void {
    for (const { from, ends } of this.#between(at, peer)) {
      (from === at ? ends[0] : ends[1]).reset('connection reset');
    }
    this.#forgetClosed();
  }

  /**
   * Handles the links of a dead process: after `kill` its kernel closes them; without power the peers hear nothing,
   * until it is back (`restored`).
   */
  died(address: string, how: 'kill' | 'power'): void {
    this.#listeners.delete(address);
    if (how === 'power') this.#dark.add(address);
    for (const { from, to, ends } of this.#connections) {
      const [dialing, listening] = ends;
      if (from === address) this.#orphan(dialing, how);
      if (to === address) this.#orphan(listening, how);
    }
    if (how === 'kill') this.#forgetClosed();
  }

  /** Brings a machine back: it knows nothing of its old links and resets them. */
  restored(address: string): void {
    this.#dark.delete(address);
    for (const { from, to, ends } of this.#connections) {
      if (from !== address && to !== address) continue;
      const mine = from === address ? ends[0] : ends[1];
      if (!mine.isOpen) mine.hangUp('connection reset by a restarted machine');
    }
    this.#forgetClosed();
  }

  /** Number of links that are open at one end at least. */
  get openLinks(): number {
    this.#forgetClosed();
    return this.#connections.length;
  }

  #orphan(end: SimLink, how: 'kill' | 'power'): void {
    if (how === 'kill') end.hangUp('connection closed by a dead process');
    // Messages on an open path still arrive; those that waited for a cut to heal are lost with the machine's memory.
    else if (end.isCut) end.lose();
  }

  #between(a: string, b: string): Connection[] {
    return this.#connections.filter(
      ({ from, to }) => (from === a && to === b) || (from === b && to === a),
    );
  }

  #forgetClosed(): void {
    this.#connections = this.#connections.filter(({ ends }) => ends.some((end) => end.isOpen));
  }

  /** Dials with a round trip: the request has to arrive, and the answer too. */
  #dial(from: string, to: string, process: SimProcess): Promise<Link> {
    return new Promise((resolve, reject) => {
      const state = { gaveUp: false };
      process.after(this.#options.dialTimeoutMs, () => {
        state.gaveUp = true;
        reject(unreachable(to, 'no answer'));
      });
      const [there, back] = [this.path(from, to), this.path(to, from)];
      this.#clock.schedule(this.#delay(there), () => {
        if (there.isCut || back.isCut || this.#dark.has(to) || !process.alive) return;
        const listener = this.#listeners.get(to);
        if (listener === undefined) {
          process.after(this.#delay(back), () => reject(unreachable(to, 'refused')));
          return;
        }
        const [dialing, listening] = this.#connect({ from, to, process, listener });
        listener.process.soon(() => listener.onLink(listening));
        process.after(this.#delay(back), () => {
          if (state.gaveUp) dialing.close('nobody waits for it any more');
          else resolve(dialing);
        });
      });
    });
  }

  #connect({
    from,
    to,
    process,
    listener,
  }: {
    from: string;
    to: string;
    process: SimProcess;
    listener: Listener;
  }): readonly [SimLink, SimLink] {
    const entropy = this.#entropy;
    const dialing = new SimLink({
      peer: to,
      process,
      entropy,
      path: this.path(from, to),
      watch: (message) => this.watch(from, message),
      damage: (message) => this.damage(message),
    });
    const listening = new SimLink({
      peer: from,
      process: listener.process,
      entropy,
      path: this.path(to, from),
      watch: (message) => this.watch(to, message),
      damage: (message) => this.damage(message),
    });
    dialing.other = listening;
    listening.other = dialing;
    this.#forgetClosed();
    this.#connections.push({ from, to, ends: [dialing, listening] });
    return [dialing, listening];
  }

  #delay({ delayMs, jitterMs }: SimPath): number {
    return delayMs + jitterMs * this.#entropy.fraction();
  }
}

function unreachable(address: string, why: string): WalshipError {
  return new WalshipError('PEER_UNREACHABLE', `${address} cannot be reached: ${why}`, {
    details: { address },
  });
}
