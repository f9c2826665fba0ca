import { WalshipError } from '../../errors.ts';
import type { LogChunk } from '../format/chunk.ts';
import type { Position } from '../format/position.ts';
import type { LogRecord } from '../format/record.ts';
import { records } from '../format/scan.ts';

/** Interface of a log for reading record by record. */
export interface ChunkSource {
  readonly end: Position;
  chunkAfter(lsn: number, bytesMax: number): Promise<LogChunk | undefined>;
}

export interface RecordRange {
  readonly from: number;
  /** End of a batch, below `from`. */
  readonly start: Position;
  readonly chunkBytes: number;
}

/**
 * Yields the records from LSN `from` on, with one chunk in memory at a time, up to the end of the durable log when it is reached.
 * @throws WalshipError LSN_REPLACED if the log was cut below the records already read.
 */
export async function* readRecords(
  source: ChunkSource,
  { from, start, chunkBytes }: RecordRange,
): AsyncGenerator<LogRecord, void, undefined> {
  let at = start;
  for (;;) {
    const chunk = await source.chunkAfter(at.lsn, chunkBytes);
    const here = chunk?.previous ?? source.end;
    if (chunk === undefined && here.lsn > at.lsn) continue; // A batch has become durable in the meantime.
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
