import type { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';

/** A waiting caller. Its results are made only when they are needed. */
export interface Waiting<T> {
  readonly mark: number;
  readonly timeoutMs: number;
  /** Returns the value to resolve with. */
  reached(): T;
  /** Returns the error to reject with after `timeoutMs`. */
  expired(): WalshipError;
}

/** Number of finished callers that are told in one turn of the event loop: each of them may answer a client. */
export const TOLD_PER_TURN = 256;

interface Waiter<T> {
  readonly waiting: Waiting<T>;
  readonly deadlineMs: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: WalshipError) => void;
}

/**
 * Callers waiting for a monotonically growing number to reach their mark. Sorted by mark: those whose mark was reached are at the front.
 * `expire` checks the deadlines in the node's tick, so that a wait costs no timer of its own.
 */
export class Waiters<T = void> {
  readonly #clock: Clock;
  #queue: Waiter<T>[] = [];
  /** Index of the first waiter that is not resolved; earlier ones are dropped in bulk. */
  #start = 0;
  /** Resolutions and rejections that are delivered in later turns. */
  #ending: (() => void)[] = [];
  #telling = false;
  /** Lower bound for all deadlines. */
  #nextDeadlineMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#queue.length - this.#start + this.#ending.length;
  }

  /** Resolves when `reach` gets to its mark; rejects at its deadline, or with the error that `fail` is given. */
  wait(waiting: Waiting<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#clock.nowMs() + waiting.timeoutMs;
      const waiter = { waiting, deadlineMs, resolve, reject };
      this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
      const { mark } = waiting;
      let index = this.#queue.length;
      while (index > this.#start && this.#markAt(index - 1) > mark) index -= 1;
      if (index === this.#queue.length) this.#queue.push(waiter);
      else this.#queue.splice(index, 0, waiter);
    });
  }

  reach(value: number): void {
    const queue = this.#queue;
    let waiter = queue[this.#start];
    if (waiter === undefined) return;
    while (waiter !== undefined && waiter.waiting.mark <= value) {
      this.#start += 1;
      const { waiting, resolve } = waiter;
      this.#ending.push(() => resolve(waiting.reached()));
      waiter = queue[this.#start];
    }
    if (this.#start === queue.length) {
      this.#queue = [];
      this.#start = 0;
    } else if (this.#start > 1024 && this.#start > queue.length / 2) {
      this.#queue = queue.slice(this.#start);
      this.#start = 0;
    }
    this.#tell();
  }

  /** Rejects the waiters whose deadline has passed. */
  expire(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#nextDeadlineMs) return;
    const waiting = this.#queue.slice(this.#start);
    this.#queue = waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    this.#start = 0;
    this.#nextDeadlineMs = Infinity;
    for (const { deadlineMs } of this.#queue) {
      this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
    }
    for (const { deadlineMs, waiting: ended, reject } of waiting) {
      if (deadlineMs <= nowMs) this.#ending.push(() => reject(ended.expired()));
    }
    this.#tell();
  }

  /** Rejects all waiters. */
  fail(error: (mark: number) => WalshipError): void {
    const waiters = this.#queue.slice(this.#start);
    this.#queue = [];
    this.#start = 0;
    for (const { waiting, reject } of waiters) {
      this.#ending.push(() => reject(error(waiting.mark)));
    }
    this.#tell();
  }

  /** Delivers the finished waits in order of arrival; a long queue is delivered over several turns. */
  #tell(): void {
    if (this.#telling) return;
    const ending = this.#ending.splice(0, TOLD_PER_TURN);
    for (const end of ending) end();
    if (this.#ending.length === 0) return;
    this.#telling = true;
    this.#clock.soon(() => {
      this.#telling = false;
      this.#tell();
    });
  }

  #markAt(index: number): number {
    return this.#queue[index]?.waiting.mark ?? 0;
  }
}
