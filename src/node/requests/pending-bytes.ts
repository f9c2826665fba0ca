/** Log bytes that were given an LSN and are not yet committed, or not yet applied: what a cluster, or a state, that falls behind can pile up. */
export class PendingBytes {
  /** What was added between two seals, since nothing between them is committed without the rest. */
  #batches: { lsn: number; bytes: number }[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a write that ends at `lsn`; everything up to `sealedLsn` is in batches that are closed. */
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
