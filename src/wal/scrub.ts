/** Scrub of sealed segments: reads them again to find damage, and rewrites a damaged one with batches from another node. */
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

/** Damage of a sealed segment. */
export interface ScrubDamage {
  readonly segment: SealedSegment;
  /** File offset of the bad record. */
  readonly offset: number;
  /** First LSN that cannot be read, and the last one of the segment. */
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly reason: string;
  /** False if the disk fails to read the segment. */
  readonly readable: boolean;
}

/**
 * Checks header, checksums, counts and chains of a segment, as recovery does, in bounded memory. Yields the number of bytes read after
 * each piece of WINDOW_BYTES, where the caller may pause; returns the damage, if any. The caller must check after that the segment is
 * still part of the log.
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

/** Fetches whole batches after a position from another node. */
export type FetchBatches = (after: Position) => Promise<Buffer>;

/** The refetched content of a damaged segment, in a durable file beside it. */
export interface RefetchedSegment {
  readonly temporary: string;
  readonly header: SegmentHeader;
  /** Offset just past its last batch: the end of the file. */
  readonly usedBytes: number;
}

/**
 * Fetches the batches of a damaged segment and writes them to a temporary file beside it, with new headers; durable on resolve. All
 * batches are verified: the first one continues the segment before, and the next segment continues the last one, so the batches are
 * the original ones.
 * @throws WalshipError CHAIN_MISMATCH if other batches were fetched, errors of `fetch`, DISK_FULL, DISK_FAILED.
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

/** Takes the batches at the beginning of `bytes` that end at or below `lastLsn`. */
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
