import { WalshipError } from '../../errors.ts';
import type { LogChunk } from '../format/chunk.ts';
import type { Position } from '../format/position.ts';
import type { LogRecord } from '../format/record.ts';
import { records } from '../format/scan.ts';

/** What reading record by record needs of a log. */
export interface ChunkSource {
  readonly end: Position;
  chunkAfter(lsn: number, bytesMax: number): Promise<LogChunk | undefined>;
}

export interface RecordRange {
  readonly from: number;
  /** The end of a batch, below `from`. */
  readonly start: Position;
  readonly chunkBytes: number;
}

/**
 * The records from LSN `from` on, one chunk in memory at a time, up to what is durable when the end is reached.
 * @throws WalshipError LSN_REPLACED where the log was cut below what had been read.
 */
export async function* readRecords(
  source: ChunkSource,
  { from, start, chunkBytes }: RecordRange,
): AsyncGenerator<LogRecord, void, undefined> {
  let at = start;
  for (;;) {
    const chunk = await source.chunkAfter(at.lsn, chunkBytes);
    const here = chunk?.previous ?? source.end;
    if (chunk === undefined && here.lsn > at.lsn) continue; // A batch became durable meanwhile.
    if (here.lsn !== at.lsn || here.chain !== at.chain) {
      throw new WalshipError('LSN_REPLACED', `the log was cut below LSN ${at.lsn}`, {
        details: { lsn: at.lsn },
      });
    }
    if (chunk === undefined) return;
    for (const record of records(chunk.bytes)) if (record.lsn >= from) yield record;
    at = chunk.last;
  }
}
