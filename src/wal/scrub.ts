/** Reading a sealed segment again, to see whether it still is what was written; and writing it anew from what somebody else holds. */
import { isWalshipError, WalshipError } from '../errors.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import { BLOCK_BYTES } from './format/limits.ts';
import { samePosition } from './format/position.ts';
import type { SealedSegment } from './read/log-map.ts';
import type { Position } from './format/position.ts';
import { Salt } from './format/salt.ts';
import { BatchScanner } from './format/scan.ts';
import {
  encodeSegmentHeader,
  fill,
  type SegmentHeader,
  stateBefore,
  TEMPORARY_SUFFIX,
} from './format/segment.ts';
import { firstBlock, readSegmentHeader } from './format/segment-copy.ts';
import {
  scanWindows,
  type SegmentEnd,
  STOPPED_EARLY,
  WINDOW_BYTES,
} from './format/segment-scan.ts';
import { borderAfter, headerOf, writeEnd } from './format/write-header.ts';

/** What a sealed segment does not hold any more. */
export interface ScrubDamage {
  readonly segment: SealedSegment;
  /** In the file: of the record that does not continue. */
  readonly offset: number;
  /** The first LSN that cannot be read, and the last one of the segment. */
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly reason: string;
  /** False where the disk itself refuses to read it. */
  readonly readable: boolean;
}

/**
 * Checks header, checksums, counts and chains of a segment, as recovery does, in bounded memory. Yields the bytes it has read after each
 * piece of WINDOW_BYTES, which is where to pause; returns what is damaged, if anything. Whoever runs it has to ask afterwards whether the
 * segment is still part of the log.
 */
export async function* scrubSegment(
  disk: Disk,
  segment: SealedSegment,
): AsyncGenerator<number, ScrubDamage | undefined, undefined> {
  let file: DiskFile | undefined;
  try {
    file = await disk.open(segment.path, 'read');
    const headerFault = await headerFaultOf(file, segment);
    if (headerFault !== undefined) return damageOf(segment, { offset: 0, reason: headerFault });
    const { header, end } = segment;
    const windows = scanWindows({ file, sizeBytes: end, header }, () => undefined);
    try {
      for (let left = segment.end; ; left -= WINDOW_BYTES) {
        const { done, value } = await windows.next();
        if (done === true) {
          yield Math.max(0, left);
          return endFault(segment, value);
        }
        yield WINDOW_BYTES;
      }
    } finally {
      await windows.return(STOPPED_EARLY);
    }
  } catch (error) {
    if (!isWalshipError(error, 'DISK_FAILED')) throw error;
    const reason = `it cannot be read: ${error.message}`;
    return { ...damageOf(segment, { offset: 0, reason }), readable: false };
  } finally {
    await file?.close();
  }
}

async function headerFaultOf(
  file: DiskFile,
  { header }: SealedSegment,
): Promise<string | undefined> {
  const decoded = await readSegmentHeader(file);
  if (decoded.kind === 'newer') return `segment format ${decoded.format}`;
  if (decoded.kind === 'invalid') return decoded.reason;
  const isSame = encodeSegmentHeader(header).equals(encodeSegmentHeader(decoded.header));
  return isSame ? undefined : 'the header of another segment';
}

function endFault(segment: SealedSegment, found: SegmentEnd): ScrubDamage | undefined {
  const { kind, offset, reason, last } = found;
  const isWhole = kind === 'end' && offset === segment.end && samePosition(last, segment.last);
  if (isWhole) return undefined;
  const differs = offset === segment.end ? 'other batches than were written' : reason;
  return damageOf(segment, { offset, reason: kind === 'invalid' ? reason : differs, last });
}

function damageOf(
  segment: SealedSegment,
  found: { readonly offset: number; readonly reason: string; readonly last?: Position },
): ScrubDamage {
  const { offset, reason, last } = found;
  const fromLsn = Math.min(last?.lsn ?? segment.header.baseLsn - 1, segment.last.lsn - 1) + 1;
  return { segment, offset, fromLsn, toLsn: segment.last.lsn, reason, readable: true };
}

/** Whole batches that another one holds behind a position. */
export type FetchBatches = (after: Position) => Promise<Buffer>;

/** What a damaged segment held, in a durable file beside it. */
export interface RefetchedSegment {
  readonly temporary: string;
  readonly header: SegmentHeader;
  /** Just past its last batch, where the file ends. */
  readonly usedBytes: number;
}

/**
 * Writes what a damaged segment held to a temporary file beside it, with headers of its own; durable on resolve. Everything is verified: the
 * first batch continues the segment before, the last one is what the next segment continues. So what comes back is what was there.
 * @throws WalshipError CHAIN_MISMATCH where something else was fetched, what `fetch` throws, DISK_FULL, DISK_FAILED.
 */
export async function refetchSegment(
  { disk, entropy }: { readonly disk: Disk; readonly entropy: Entropy },
  segment: SealedSegment,
  fetch: FetchBatches,
): Promise<RefetchedSegment> {
  const temporary = `${segment.path}.mend${TEMPORARY_SUFFIX}`;
  const salt = Salt.random(entropy);
  const header = { ...segment.header, salt };
  const file = await disk.open(temporary, 'create');
  try {
    await file.write(firstBlock(header), 0);
    let position: Position = stateBefore(header);
    let [usedBytes, streamBytes] = [BLOCK_BYTES, 0];
    for (let number = 1; position.lsn < segment.last.lsn; number += 1) {
      const { bytes, last } = batchesUpTo(await fetch(position), position, segment.last.lsn);
      streamBytes += bytes.length;
      const isEnd = last.lsn === segment.last.lsn;
      if (isEnd ? streamBytes !== segment.streamBytes : streamBytes >= segment.streamBytes) {
        throw another(segment, last.lsn);
      }
      const place = { salt, number, firstLsn: position.lsn + 1 };
      const start = borderAfter(usedBytes);
      await fill(file, usedBytes, start);
      await file.write(Buffer.concat([headerOf(bytes, place), bytes]), start);
      usedBytes = writeEnd(start, bytes.length);
      position = last;
    }
    if (!samePosition(position, segment.last)) throw another(segment, position.lsn);
    await file.sync();
    await file.close();
    return { temporary, header, usedBytes };
  } catch (error) {
    await file.close();
    if (!isWalshipError(error, 'DISK_FAILED')) await disk.remove(temporary);
    throw error;
  }
}

/** The batches that `bytes` begin with, none of which ends beyond `lastLsn`. */
function batchesUpTo(
  bytes: Buffer,
  after: Position,
  lastLsn: number,
): { readonly bytes: Buffer; readonly last: Position } {
  let [end, last] = [0, after];
  const stop = new BatchScanner(after).run(bytes, (batch) => {
    if (batch.last.lsn <= lastLsn) ({ end, last } = batch);
  });
  if (end > 0) return { bytes: bytes.subarray(0, end), last };
  const reason = stop.kind === 'invalid' ? stop.reason : 'no whole batch';
  throw new WalshipError('CHAIN_MISMATCH', `behind LSN ${after.lsn} came ${reason}`, {
    details: { lsn: after.lsn },
  });
}

function another({ path, last }: SealedSegment, lsn: number): WalshipError {
  const message = `what came up to LSN ${lsn} is not what ${path} held up to LSN ${last.lsn}`;
  return new WalshipError('CHAIN_MISMATCH', message, { details: { lsn } });
}
