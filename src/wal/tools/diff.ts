import assert from 'node:assert';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { BatchInfo } from '../format/scan.ts';
import { readU64, RecordView, decodeRecord } from '../format/record.ts';
import { readLog } from './read-log.ts';

/** One of the logs that were compared. */
export interface DiffSide {
  readonly dir: string;
  /** Oldest LSN that was compared. */
  readonly firstLsn: number;
  /** End of the last batch that was compared. */
  readonly lastLsn: number;
  /** Fault at which reading stopped, if any. */
  readonly problem: string | undefined;
}

export type DiffResult =
  | {
      readonly kind: 'equal';
      /** First LSN that was compared, … */
      readonly fromLsn: number;
      /** … and the last one: the end of the shortest log. */
      readonly toLsn: number;
      readonly sides: readonly DiffSide[];
    }
  | {
      readonly kind: 'different';
      /** LSN of the first record that differs. */
      readonly lsn: number;
      /** LSN up to which all logs are equal. */
      readonly equalToLsn: number;
      /** Batch with the difference, on each side. */
      readonly batches: readonly {
        readonly dir: string;
        readonly epoch: number;
        readonly fromLsn: number;
        readonly toLsn: number;
      }[];
      readonly sides: readonly DiffSide[];
    };

/**
 * Compares logs batch by batch, byte by byte, from the first LSN that all hold to the end of the shortest; the boundaries of
 * segments may differ. Only verified batches are compared: a damaged log ends at the damage and reports it.
 */
export async function diff(
  disk: Disk,
  dirs: readonly string[],
  clock?: Clock,
): Promise<DiffResult> {
  assert(dirs.length >= 2, 'a comparison needs two logs');
  const readers = dirs.map((dir) => new SideReader(disk, dir, clock));
  try {
    return await compare(readers);
  } finally {
    for (const reader of readers) await reader.close();
  }
}

async function compare(readers: readonly SideReader[]): Promise<DiffResult> {
  const [first, ...others] = readers as [SideReader, ...SideReader[]];
  for (const reader of readers) await reader.next();
  const fromLsn = Math.max(...readers.map((reader) => reader.firstLsn));
  for (const reader of readers) {
    while (reader.current !== undefined && reader.current.batch.first.lsn + 1 < fromLsn) {
      await reader.next();
    }
  }
  let toLsn = fromLsn - 1;
  while (readers.every((reader) => reader.current !== undefined)) {
    const { current } = first;
    if (current === undefined) break;
    for (const other of others) {
      if (other.current?.bytes.equals(current.bytes) !== true) return different(readers, toLsn);
    }
    toLsn = current.batch.last.lsn;
    for (const reader of readers) await reader.next();
  }
  return { kind: 'equal', fromLsn, toLsn, sides: readers.map((reader) => reader.side()) };
}

function different(readers: readonly SideReader[], equalToLsn: number): DiffResult {
  const batches = readers.map(({ dir, current }) => ({
    dir,
    epoch: current?.batch.last.epoch ?? 0,
    fromLsn: (current?.batch.first.lsn ?? 0) + 1,
    toLsn: current?.batch.last.lsn ?? 0,
  }));
  const bytes = readers.map((reader) => reader.current?.bytes ?? Buffer.alloc(0));
  const sides = readers.map((reader) => reader.side());
  return { kind: 'different', lsn: firstDifference(bytes), equalToLsn, batches, sides };
}

/** LSN of the first record in which batches differ. */
function firstDifference(batches: readonly Buffer[]): number {
  const [first = Buffer.alloc(0), ...others] = batches;
  const view = new RecordView();
  let offset = 0;
  while (offset < first.length && decodeRecord(first, offset, view) === undefined) {
    const { end } = view;
    const record = first.subarray(offset, end);
    if (!others.every((other) => other.subarray(offset, end).equals(record))) break;
    offset = end;
  }
  return readU64(first, Math.min(offset, first.length - 8));
}

interface Current {
  readonly batch: BatchInfo;
  readonly bytes: Buffer;
}

class SideReader {
  readonly dir: string;
  readonly #events: ReturnType<typeof readLog>;
  current: Current | undefined = undefined;
  firstLsn = 1;
  #lastLsn = 0;
  #started = false;
  #problem: string | undefined;

  constructor(disk: Disk, dir: string, clock: Clock | undefined) {
    this.dir = dir;
    this.#events = readLog(disk, dir, { clock });
  }

  async next(): Promise<void> {
    this.current = undefined;
    for (;;) {
      const { done, value } = await this.#events.next();
      if (done === true) return;
      if (value.kind === 'end') this.#problem = value.problem;
      if (value.kind !== 'batch') continue;
      const { batch, bytes } = value;
      if (!this.#started) this.firstLsn = batch.first.lsn + 1;
      this.#started = true;
      this.#lastLsn = batch.last.lsn;
      this.current = { batch, bytes };
      return;
    }
  }

  side(): DiffSide {
    return {
      dir: this.dir,
      firstLsn: this.firstLsn,
      lastLsn: this.#lastLsn,
      problem: this.#problem,
    };
  }

  async close(): Promise<void> {
    await this.#events.return();
  }
}
