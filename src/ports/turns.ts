import type { Clock } from './clock.ts';

/** How long one piece of work keeps a turn of the event loop before everybody else gets one. */
export const TURN_MS_MAX = 4;

/**
 * Shares the turns of the event loop among long pieces of work: in each turn one of them goes on, whoever has waited longest. Many
 * large requests at once keep a turn no longer than one does.
 */
export class Turns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves in a later turn that nobody else got from here. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  /**
   * Runs `work` to its end. It yields where it may be interrupted: what is done before the first time is done at once, the rest in
   * turns of its own.
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
