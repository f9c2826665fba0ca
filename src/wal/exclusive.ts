import assert from 'node:assert';

/** One piece of work that must be alone, and those who wait for a state of rest. */
export class Exclusive {
  #busy = false;
  #wakeups: (() => void)[] = [];

  get busy(): boolean {
    return this.#busy;
  }

  /** Runs `work`; a second one meanwhile is a bug of the caller. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    assert(!this.#busy, 'one write or cut at a time');
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
      this.wake();
    }
  }

  /** Resolves as soon as `done` holds; it is asked now and after each `wake`, and ends the wait by throwing. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      await new Promise<void>((wakeup) => {
        this.#wakeups.push(wakeup);
      });
    }
  }

  /** Something changed that may be waited for. */
  wake(): void {
    if (this.#wakeups.length === 0) return;
    const wakeups = this.#wakeups;
    this.#wakeups = [];
    for (const wakeup of wakeups) wakeup();
  }
}
