/**
 * Bytes of log that have an LSN and are not yet committed, or not yet applied: the backlog of a lagging cluster or
 * state.
 */
export class PendingBytes {
  /** Bytes added between two seals: nothing between two seals is committed without the rest. */
  #batches: { lsn: number; bytes: number }[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a write that ends at `lsn`; everything up to `sealedLsn` is in closed batches. */
  add(lsn: number, bytes: number, sealedLsn: number): void {
    this.#bytes += bytes;
    const open = this.#batches.at(-1);
    if (open === undefined || open.lsn <= sealedLsn) {
      this.#batches.push({ lsn, bytes });
    } else {
      open.lsn = lsn;
      open.bytes += bytes;
    }
  }

  reached(lsn: number): void {
    let count = 0;
    for (const batch of this.#batches) {
      if (batch.lsn > lsn) break;
      this.#bytes -= batch.bytes;
      count += 1;
    }
    if (count > 0) this.#batches.splice(0, count);
  }
}
