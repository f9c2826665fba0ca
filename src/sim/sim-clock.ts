import type { Clock } from '../ports/clock.ts';

/** Start of wall time, 2026-01-01: a plausible number, the same in every run. */
const WALL_START_MS = 1_767_225_600_000;

interface Event {
  atMs: number;
  /** Tie-breaker: events of one moment run in the order in which they were scheduled. */
  readonly sequence: number;
  readonly process: SimProcess | undefined;
  run: (() => void) | undefined;
}

/** Virtual time: a queue of events. Time passes only from one event to the next. */
export class SimClock {
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #sequence = 0;
  #ran: SimProcess | undefined;

  /** Process to which the last event happened, if it happened to one. */
  get ran(): SimProcess | undefined {
    return this.#ran;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Returns the time of the next event, or undefined where none is scheduled. */
  nextMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.atMs;
  }

  /** Runs the next event; returns whether there was one. */
  step(): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      const { process, run } = event;
      if (run === undefined || process?.alive === false) continue;
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      if (process !== undefined && process.pausedUntilMs > this.#nowMs) {
        // The sequence number stays, so that events that piled up during a pause run in their old order.
        event.atMs = process.pausedUntilMs;
        this.#push(event);
        continue;
      }
      event.run = undefined;
      this.#ran = process;
      run();
      return true;
    }
  }

  /** Calls `run` once after `delayMs`, on behalf of `process` if one is given; the returned function cancels it. */
  schedule(delayMs: number, run: () => void, process?: SimProcess): () => void {
    this.#sequence += 1;
    const event: Event = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence,
      process,
      run,
    };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  #dropCancelled(): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return;
      if (first.run !== undefined && first.process?.alive !== false) return;
      this.#pop();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !before(event, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      const right = heap[childIndex + 1];
      if (child === undefined) break;
      if (right !== undefined && before(right, child)) {
        childIndex += 1;
        child = right;
      }
      if (!before(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs === b.atMs ? a.sequence < b.sequence : a.atMs < b.atMs;
}

export interface SimProcessOptions {
  /** Offset of this machine's wall clock from true time. */
  readonly wallSkewMs?: number;
  /** Start of its monotonic clock: never the same on two machines. */
  readonly startMs?: number;
  /** Speed of its clocks; default 1. */
  readonly rate?: number;
}

/**
 * One run of one process, as its clock. Every input of a process (timers, disk completions, messages)
 * comes through here, so that `kill` silences it at once and `pause` delays it all in order, as SIGKILL and SIGSTOP do.
 */
export class SimProcess implements Clock {
  readonly #clock: SimClock;
  #wallSkewMs: number;
  readonly #startMs: number;
  readonly #rate: number;
  readonly #onDeath: (() => void)[] = [];
  #alive = true;
  #pausedUntilMs = 0;

  constructor(clock: SimClock, options: SimProcessOptions = {}) {
    this.#clock = clock;
    this.#wallSkewMs = options.wallSkewMs ?? 0;
    this.#startMs = options.startMs ?? 0;
    this.#rate = options.rate ?? 1;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get pausedUntilMs(): number {
    return this.#pausedUntilMs;
  }

  nowMs(): number {
    return this.#clock.nowMs() * this.#rate - this.#startMs;
  }

  /** Milliseconds since the simulation began, the same for all processes. */
  now(): number {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return Math.floor(WALL_START_MS + this.#clock.nowMs() * this.#rate + this.#wallSkewMs);
  }

  /** Sets its wall clock forwards or back. */
  jumpWall(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  after(delayMs: number, run: () => void): () => void {
    if (!this.#alive) return () => undefined;
    return this.#clock.schedule(delayMs / this.#rate, run, this);
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Pauses the process for this long; all events that were due happen then. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.nowMs() + forMs);
  }

  /** Calls `listener` when the process dies; at once if it is dead. */
  onDeath(listener: () => void): void {
    if (this.#alive) this.#onDeath.push(listener);
    else listener();
  }

  /** Kills the process: none of its events happens any longer. Idempotent. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const listener of this.#onDeath.splice(0)) listener();
  }
}
