import type { Clock } from './clock.ts';

/** Longest time that one piece of work keeps a turn of the event loop before others get one. */
export const TURN_MS_MAX = 4;

/**
 * Shares the turns of the event loop among long pieces of work: in each turn, the one that has waited longest continues. Many
 * large requests together keep a turn no longer than one does.
 */
export class Turns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves in a later turn that no other caller of this object gets. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  /**
   * Runs `work` to its end. `work` yields where it may be interrupted: the part before the first yield runs synchronously, the
   * rest in turns of its own.
   */
  async run<T>(work: Generator<void, T, void>): Promise<T> {
    let step = work.next();
    while (step.done !== true) {
      await this.next();
      const startMs = this.#clock.nowMs();
      do step = work.next();
      while (step.done !== true && this.#clock.nowMs() - startMs < TURN_MS_MAX);
    }
    return step.value;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
