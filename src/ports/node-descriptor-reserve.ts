import * as fs from 'node:fs';

/** Descriptors that are kept open for nothing, so that the log still opens a file where sockets have taken all others. */
export const RESERVED_DESCRIPTORS = 4;

/** A few descriptors of `/dev/null`, given up when no other is to be had. */
export class DescriptorReserve {
  readonly #fds: number[] = [];
  #kept = false;

  /** Takes what is missing, as far as it is to be had. */
  keep(): void {
    this.#kept = true;
    this.refill();
  }

  refill(): void {
    if (!this.#kept) return;
    try {
      while (this.#fds.length < RESERVED_DESCRIPTORS) this.#fds.push(fs.openSync('/dev/null', 'r'));
    } catch (error) {
      // The next close tries again; whatever else is wrong with /dev/null does not matter to the log.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }

  /** Gives all of them up; false where there was none. */
  spend(): boolean {
    const had = this.#fds.length > 0;
    for (const fd of this.#fds.splice(0)) fs.closeSync(fd);
    return had;
  }

  /** Keeps none from now on. */
  end(): void {
    this.#kept = false;
    this.spend();
  }
}
