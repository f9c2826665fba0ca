import assert from 'node:assert';

/** Guard for one exclusive piece of work, and the callers that wait for a condition. */
export class Exclusive {
  #busy = false;
  #wakeups: (() => void)[] = [];

  get busy(): boolean {
    return this.#busy;
  }

  /** Runs `work`; a concurrent second call is a bug of the caller. */
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

  /** Resolves as soon as `done` returns true; checked now and after each `wake`. Rejects if `done` throws. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      await new Promise<void>((wakeup) => {
        this.#wakeups.push(wakeup);
      });
    }
  }

  /** Makes all waiting callers check their conditions again. */
  wake(): void {
    if (this.#wakeups.length === 0) return;
    const wakeups = this.#wakeups;
    this.#wakeups = [];
    for (const wakeup of wakeups) wakeup();
  }
}
