/**
 * One direction of one proxied connection: takes what a socket receives and gives it to the other, as late as the path says, in order.
 * What a cut holds back waits here, up to PUMP_BYTES_MAX; from there on the sender feels it, as it would of a network that takes nothing.
 */
import type { Socket } from 'node:net';
import { busyMs, piecesOf, travelMs } from './network-path.ts';
import type { Fraction, PathCondition } from './network-path.ts';

/** Bytes above which nothing more is read from the sender. */
export const PUMP_BYTES_MAX = 1024 * 1024;

/** Input for the receiver: bytes, the end of the sender's bytes, or the end of the connection, broken or not. */
type Arrival = Buffer | 'end' | 'closed' | 'broken';

interface Waiting {
  readonly arrival: Arrival;
  dueMs: number;
}

export interface PumpOptions {
  readonly source: Socket;
  readonly sink: Socket;
  /** Returns the present condition of the path. */
  readonly path: () => PathCondition;
  readonly fraction: Fraction;
  readonly nowMs: () => number;
}

export class BytePump {
  readonly #options: PumpOptions;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #busyUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  /** Path condition that gave the waiting bytes their times. */
  #knownPath: PathCondition;

  constructor(options: PumpOptions) {
    this.#options = options;
    const { source, sink, path } = options;
    this.#knownPath = path();
    source.on('data', (chunk: Buffer) => {
      for (const piece of piecesOf(this.#options.path(), chunk)) this.#take(piece);
    });
    source.on('end', () => this.#take('end'));
    // A process that died beyond a cut is silent: its end travels as its bytes do.
    source.on('close', (broken) => this.#take(broken ? 'broken' : 'closed'));
    source.on('error', () => {}); // The close event that follows reports the error.
    sink.on('drain', () => {
      this.#blocked = false;
      this.#wake();
    });
    sink.on('close', () => clearTimeout(this.#timer));
  }

  /** Applies a changed path: waiting bytes take the new one from here on. */
  changed(): void {
    const path = this.#options.path();
    if (path !== this.#knownPath) {
      this.#knownPath = path;
      this.#lastDueMs = 0;
      this.#busyUntilMs = 0;
      for (const waiting of this.#waiting) waiting.dueMs = this.#dueMs(waiting.arrival);
    }
    this.#wake();
  }

  /** Forwards everything that is due. */
  #wake(): void {
    clearTimeout(this.#timer);
    const { sink, path, nowMs } = this.#options;
    while (!path().cut && !this.#blocked) {
      const next = this.#waiting[0];
      if (next === undefined || sink.destroyed) return;
      const inMs = next.dueMs - nowMs();
      if (inMs > 0) {
        this.#timer = setTimeout(() => this.#wake(), inMs);
        return;
      }
      this.#waiting.shift();
      this.#give(next.arrival);
    }
  }

  #take(arrival: Arrival): void {
    this.#waiting.push({ arrival, dueMs: this.#dueMs(arrival) });
    this.#waitingBytes += bytesOf(arrival);
    if (this.#waitingBytes > PUMP_BYTES_MAX) this.#options.source.pause();
    this.#wake();
  }

  /** Returns the arrival time of bytes sent now: later than everything before, since a connection never reorders. */
  #dueMs(arrival: Arrival): number {
    const { path, fraction, nowMs } = this.#options;
    this.#busyUntilMs = Math.max(nowMs(), this.#busyUntilMs) + busyMs(path(), bytesOf(arrival));
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#busyUntilMs + travelMs(path(), fraction));
    return this.#lastDueMs;
  }

  #give(arrival: Arrival): void {
    const { source, sink } = this.#options;
    if (arrival === 'end') {
      sink.end();
    } else if (arrival === 'closed') {
      sink.destroySoon();
    } else if (arrival === 'broken') {
      sink.resetAndDestroy();
    } else {
      this.#waitingBytes -= arrival.length;
      this.#blocked = !sink.write(arrival);
      if (this.#waitingBytes <= PUMP_BYTES_MAX && source.isPaused()) source.resume();
    }
  }
}

function bytesOf(arrival: Arrival): number {
  return typeof arrival === 'string' ? 0 : arrival.length;
}
