import type { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';

interface Waiter {
  readonly lsn: number;
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: WalshipError) => void;
  /** Made only when it is needed: most waiters never fail. */
  readonly expired: () => WalshipError;
}

/**
 * Those who wait for a number that only grows to reach an LSN. Sorted by LSN: what has been reached is the front.
 * Deadlines are looked at by `expire`, in the node's tick, so that a wait costs no timer of its own.
 */
export class Waiters {
  readonly #clock: Clock;
  #queue: Waiter[] = [];
  /** Waiters before it have been resolved; they are dropped in bulk. */
  #start = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#queue.length - this.#start;
  }

  /** Resolves when `reach` gets to `lsn`; rejects with `expired()` after `timeoutMs`, or with what `fail` is given. */
  wait(lsn: number, timeoutMs: number, expired: () => WalshipError): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#clock.nowMs() + timeoutMs;
      const waiter = { lsn, deadlineMs, resolve, reject, expired };
      let index = this.#queue.length;
      while (index > this.#start && (this.#queue[index - 1]?.lsn ?? 0) > lsn) index -= 1;
      if (index === this.#queue.length) this.#queue.push(waiter);
      else this.#queue.splice(index, 0, waiter);
    });
  }

  reach(lsn: number): void {
    const queue = this.#queue;
    let waiter = queue[this.#start];
    while (waiter !== undefined && waiter.lsn <= lsn) {
      this.#start += 1;
      waiter.resolve();
      waiter = queue[this.#start];
    }
    if (this.#start === queue.length) {
      this.#queue = [];
      this.#start = 0;
    } else if (this.#start > 1024 && this.#start > queue.length / 2) {
      this.#queue = queue.slice(this.#start);
      this.#start = 0;
    }
  }

  /** Rejects those whose deadline has passed. */
  expire(): void {
    const nowMs = this.#clock.nowMs();
    const waiting = this.#queue.slice(this.#start);
    if (!waiting.some(({ deadlineMs }) => deadlineMs <= nowMs)) return;
    this.#queue = waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    this.#start = 0;
    for (const waiter of waiting) {
      if (waiter.deadlineMs <= nowMs) waiter.reject(waiter.expired());
    }
  }

  /** Rejects all of them. */
  fail(error: (lsn: number) => WalshipError): void {
    const waiting = this.#queue.slice(this.#start);
    this.#queue = [];
    this.#start = 0;
    for (const waiter of waiting) waiter.reject(error(waiter.lsn));
  }
}
