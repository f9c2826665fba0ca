import type { ImageBatch, ImageRecord } from './log-image.ts';

const OP_PUT = 1;
const OP_DELETE = 2;

/** What some promise of the cluster was broken by. */
export class SimViolation extends Error {
  override readonly name = 'SimViolation';
}

/** The one history that everybody has to agree on: every batch that any node ever called committed. */
export class GoldenLog {
  /** Record `lsn` is at `lsn - 1`. */
  readonly records: ImageRecord[] = [];
  readonly #batches: ImageBatch[] = [];
  /** First LSN of each batch, to find it by. */
  readonly #index = new Map<number, ImageBatch>();
  /** Writes of each key, oldest first. */
  readonly #writes = new Map<string, ImageRecord[]>();

  /** Last committed LSN. */
  get end(): number {
    return this.records.length;
  }

  /** LSN of the last EPOCH record's leadership, or 0. */
  get epoch(): number {
    return this.records.at(-1)?.epoch ?? 0;
  }

  /** Takes over what `who` calls committed, up to `committedLsn`. */
  extend(batches: readonly ImageBatch[], committedLsn: number, who: string): void {
    for (const batch of batches) {
      if (batch.lastLsn <= this.end || batch.firstLsn > committedLsn) continue;
      if (batch.firstLsn !== this.end + 1) {
        throw new SimViolation(
          `${who} commits a batch from LSN ${batch.firstLsn}, which does not follow ${this.end}`,
        );
      }
      if (batch.lastLsn > committedLsn) {
        throw new SimViolation(
          `${who} has committed up to ${committedLsn}, within the batch ${batch.firstLsn} to ${batch.lastLsn}`,
        );
      }
      this.#add(batch);
    }
    if (this.end < committedLsn) {
      throw new SimViolation(`${who} has committed up to ${committedLsn}, but its log ends before`);
    }
  }

  /**
   * Compares a node's log with this one, byte for byte, from `fromLsn` to `toLsn`.
   * @param belowEpoch only what leaderships up to this one wrote.
   */
  compare(
    batches: readonly ImageBatch[],
    range: { readonly fromLsn: number; readonly toLsn: number; readonly epochMax?: number },
    who: string,
  ): void {
    const theirs = new Map(batches.map((batch) => [batch.firstLsn, batch]));
    for (const batch of this.#batches) {
      if (batch.lastLsn < range.fromLsn) continue;
      if (batch.lastLsn > range.toLsn) return;
      const epoch = batch.records[0]?.epoch ?? 0;
      if (range.epochMax !== undefined && epoch > range.epochMax) return;
      const other = theirs.get(batch.firstLsn);
      if (other?.bytes.equals(batch.bytes) === true) continue;
      const has = other === undefined ? 'has nothing there' : 'has another batch there';
      throw new SimViolation(
        `batch ${batch.firstLsn} to ${batch.lastLsn} of epoch ${epoch} is committed, and ${who} ${has}`,
      );
    }
  }

  /** The newest write of `key` at or below `lsn`; undefined where it is absent or deleted. */
  valueAt(key: string, lsn: number): ImageRecord | undefined {
    const newest = this.#writes.get(key)?.findLast((record) => record.lsn <= lsn);
    return newest?.op === OP_PUT ? newest : undefined;
  }

  /** Oldest batch whose first LSN this is. */
  batchFrom(firstLsn: number): ImageBatch | undefined {
    return this.#index.get(firstLsn);
  }

  #add(batch: ImageBatch): void {
    const copy = { ...batch, bytes: Buffer.from(batch.bytes) };
    this.#batches.push(copy);
    this.#index.set(batch.firstLsn, copy);
    for (const record of batch.records) {
      const kept = { ...record, value: Buffer.from(record.value) };
      this.records.push(kept);
      if (record.op !== OP_PUT && record.op !== OP_DELETE) continue;
      const writes = this.#writes.get(record.key);
      if (writes === undefined) this.#writes.set(record.key, [kept]);
      else writes.push(kept);
    }
  }
}
