/** Queue of work that is done one piece after the other, in the order of the calls. */
export class SerialWork {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` once everything before it has ended, well or not. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {}); // The caller gets the error.
    return result;
  }
}
