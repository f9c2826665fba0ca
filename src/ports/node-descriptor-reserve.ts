import * as fs from 'node:fs';

/** Number of descriptors in reserve, so that the log can still open a file when sockets have taken all others. */
export const RESERVED_DESCRIPTORS = 4;

/** A few open descriptors of `/dev/null`, closed when the process has no other descriptor left. */
export class DescriptorReserve {
  readonly #fds: number[] = [];
  #kept = false;

  /** Starts the reserve and fills it as far as descriptors are available. */
  keep(): void {
    this.#kept = true;
    this.refill();
  }

  refill(): void {
    if (!this.#kept) return;
    try {
      while (this.#fds.length < RESERVED_DESCRIPTORS) this.#fds.push(fs.openSync('/dev/null', 'r'));
    } catch (error) {
      // The next close tries again; any other failure of /dev/null does not matter to the log.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }

  /** Closes all descriptors of the reserve; false if there was none. */
  spend(): boolean {
    const had = this.#fds.length > 0;
    for (const fd of this.#fds.splice(0)) fs.closeSync(fd);
    return had;
  }

  /** Closes the reserve for good. */
  end(): void {
    this.#kept = false;
    this.spend();
  }
}
