import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { decodeEpochRecord } from '../format/epoch-record.ts';
import type { EpochEntry } from '../format/position.ts';
import { decodeRecord, OP, RecordView } from '../format/record.ts';
import type { Seal } from '../format/seal.ts';
import type { SegmentHeader } from '../format/segment.ts';
import { type LogEvent, readLog } from './read-log.ts';

/** One line of a dump. Keys and values are valid until the next line is requested. */
export type DumpLine =
  | {
      readonly kind: 'segment';
      readonly segment: string;
      readonly header: SegmentHeader;
      readonly sizeBytes: number;
    }
  | {
      readonly kind: 'record';
      readonly segment: string;
      /** Offset in the segment. */
      readonly offset: number;
      readonly lsn: number;
      readonly op: number;
      /** Name of the op: PUT, DELETE, EPOCH, REQUEST, or OP32 to OP63. */
      readonly opName: string;
      /** True if the next record belongs to the same transaction. */
      readonly more: boolean;
      readonly key: Buffer;
      readonly value: Buffer;
      readonly crc: number;
      /** Content of an EPOCH record. */
      readonly epoch: EpochEntry | undefined;
    }
  | {
      readonly kind: 'seal';
      readonly segment: string;
      readonly offset: number;
      readonly seal: Seal;
    }
  /** The last line; `problem` is the fault at which the log stops, if any. */
  | {
      readonly kind: 'end';
      readonly segment: string;
      readonly offset: number;
      readonly problem: string | undefined;
    };

export interface DumpOptions {
  /** Leaves out batches that end before this LSN. */
  readonly fromLsn?: number;
  /** Clock for the pauses between repeated reads of a bad place. */
  readonly clock?: Clock;
}

/**
 * Describes every record of a data directory, a directory of segments or one segment (a saved one too), oldest first, up to the
 * end or to the first fault. All shown records are verified; memory is bounded.
 */
export async function* dump(
  disk: Disk,
  path: string,
  options: DumpOptions = {},
): AsyncGenerator<DumpLine, void, undefined> {
  const { fromLsn = 0, clock } = options;
  for await (const event of readLog(disk, path, { clock })) {
    if (event.kind !== 'batch') yield event;
    else if (event.batch.last.lsn >= fromLsn) yield* describe(event);
  }
}

function* describe(event: LogEvent & { readonly kind: 'batch' }): Generator<DumpLine> {
  const { segment, bytes, batch } = event;
  const view = new RecordView();
  for (let at = 0; at < bytes.length; at = view.end) {
    // The bytes are verified: this only finds the offsets.
    if (decodeRecord(bytes, at, view) !== undefined) return;
    const offset = event.offset + at;
    const { lsn, op, more, key, value, crc } = view;
    if (op === OP.SEAL) {
      yield { kind: 'seal', segment, offset, seal: batch.seal };
      continue;
    }
    const entry = op === OP.EPOCH ? decodeEpochRecord(view) : undefined;
    const epoch = typeof entry === 'string' ? undefined : entry;
    yield {
      kind: 'record',
      segment,
      offset,
      lsn,
      op,
      opName: opName(op),
      more,
      key,
      value,
      crc,
      epoch,
    };
  }
}

/** Name of an op without its CONTINUED bit. */
export function opName(op: number): string {
  const names = ['PUT', 'DELETE', 'EPOCH', 'SEAL', 'REQUEST'];
  return names[op - 1] ?? `OP${op}`;
}
