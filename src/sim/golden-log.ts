import type { ImageBatch, ImageRecord } from './log-image.ts';

const OP_PUT = 1;
const OP_DELETE = 2;

/** A violated promise of the cluster. */
export class SimViolation extends Error {
  override readonly name = 'SimViolation';
}

/** The one history that all nodes have to agree on: every batch that any node ever called committed. */
export class GoldenLog {
  /** Records; record `lsn` is at index `lsn - 1`. */
  readonly records: ImageRecord[] = [];
  readonly #batches: ImageBatch[] = [];
  /** Index of a batch, by its first LSN. */
  readonly #index = new Map<number, number>();
  /** Writes of each key, oldest first. */
  readonly #writes = new Map<string, ImageRecord[]>();

  /** Last committed LSN. */
  get end(): number {
    return this.records.length;
  }

  /** Epoch of the leadership that wrote the last committed record, or 0. */
  get epoch(): number {
    return this.records.at(-1)?.epoch ?? 0;
  }

  /** Takes over the records that `who` calls committed, up to `committedLsn`. */
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
   * Compares a node's log with this one, byte for byte, from `fromLsn` to `toLsn`: with `epochMax` only the records that leaderships up to
   * that one wrote.
   */
  compare(
    batches: readonly ImageBatch[],
    range: {
      readonly fromLsn: number;
      readonly toLsn: number;
      readonly epochMax?: number;
      /** First LSN that the log must hold: lower ones are in a snapshot, and may be missing. */
      readonly heldFrom?: number;
    },
    who: string,
  ): void {
    const theirs = new Map(batches.map((batch) => [batch.firstLsn, batch]));
    // A node's progress lies at borders of batches, unless it is wrong: then everything is compared.
    for (let at = this.#index.get(range.fromLsn) ?? 0; at < this.#batches.length; at += 1) {
      const batch = this.#batches[at];
      if (batch === undefined || batch.lastLsn > range.toLsn) return;
      const epoch = batch.records[0]?.epoch ?? 0;
      if (range.epochMax !== undefined && epoch > range.epochMax) return;
      const other = theirs.get(batch.firstLsn);
      if (other === undefined && batch.lastLsn < (range.heldFrom ?? 1)) continue;
      if (batch.lastLsn < range.fromLsn || other?.bytes.equals(batch.bytes) === true) continue;
      const has = other === undefined ? 'has nothing there' : 'has another batch there';
      throw new SimViolation(
        `batch ${batch.firstLsn} to ${batch.lastLsn} of epoch ${epoch} is committed, and ${who} ${has}`,
      );
    }
  }

  /** Returns true if that very batch is committed. */
  holds({ firstLsn, bytes }: ImageBatch): boolean {
    const index = this.#index.get(firstLsn);
    return index !== undefined && this.#batches[index]?.bytes.equals(bytes) === true;
  }

  /** Returns every key with `prefix` that exists at `lsn`, in byte order, with its write at that LSN. */
  stateAt(prefix: string, lsn: number): readonly ImageRecord[] {
    const keys = [...this.#writes.keys()].filter((key) => key.startsWith(prefix));
    return keys.toSorted(compareKeys).flatMap((key) => this.valueAt(key, lsn) ?? []);
  }

  /** Returns the newest write of `key` at or below `lsn`; undefined where it is absent or deleted. */
  valueAt(key: string, lsn: number): ImageRecord | undefined {
    const newest = this.#writes.get(key)?.findLast((record) => record.lsn <= lsn);
    return newest?.op === OP_PUT ? newest : undefined;
  }

  #add(batch: ImageBatch): void {
    this.#batches.push(batch);
    this.#index.set(batch.firstLsn, this.#batches.length - 1);
    for (const record of batch.records) {
      this.records.push(record);
      if (record.op !== OP_PUT && record.op !== OP_DELETE) continue;
      const writes = this.#writes.get(record.key);
      if (writes === undefined) this.#writes.set(record.key, [record]);
      else writes.push(record);
    }
  }
}

/** Compares keys, which are latin1 text: their order is that of their bytes. */
function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
