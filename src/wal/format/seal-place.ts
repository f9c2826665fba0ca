/** Search in a damaged segment for the place from which its log is needed. */
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { MiB } from '../../ports/units.ts';
import { BLOCK_BYTES, WRITE_HEADER_BYTES } from './limits.ts';
import type { Position } from './position.ts';
import { decodeRecord, OP, RecordView, writeU32, writeU64 } from './record.ts';
import { Salt } from './salt.ts';
import { decodeSeal, SEAL_BYTES, SEAL_VALUE_BYTES } from './seal.ts';
import { readSegmentHeader } from './segment-copy.ts';
import { borderAfter, decodeWriteHeader } from './write-header.ts';
import type { BatchPlace } from './write-scan.ts';

/** End of a seal in a damaged segment. */
export interface SealPlace extends BatchPlace {
  /** Salt of the segment. */
  readonly salt: Salt;
}

const WINDOW_BYTES = MiB;

/**
 * Finds the place just past the seal of `start` in a segment that is damaged before it; undefined if there is no such seal, or if
 * nothing after it can be read. The seal is recognised by the LSN, epoch and chain that a snapshot names: the log after it is needed.
 */
export async function endOfSeal(
  disk: Disk,
  path: string,
  start: Position,
): Promise<SealPlace | undefined> {
  const file = await disk.open(path, 'read');
  try {
    const sizeBytes = await file.size();
    const buffer = Buffer.allocUnsafeSlow(Math.min(WINDOW_BYTES, sizeBytes) + SEAL_BYTES);
    for (let offset = 0; offset < sizeBytes; offset += buffer.length - SEAL_BYTES) {
      const count = await file.read(buffer, offset);
      const found = sealIn(buffer.subarray(0, count), start);
      if (found !== undefined) return await placeIn(file, offset + found);
    }
    return undefined;
  } finally {
    await file.close();
  }
}

function sealIn(bytes: Buffer, start: Position): number | undefined {
  const head = Buffer.alloc(17);
  writeU64(head, 0, start.lsn);
  head[8] = OP.SEAL;
  writeU32(head, 13, SEAL_VALUE_BYTES);
  const view = new RecordView();
  for (let at = bytes.indexOf(head); at !== -1; at = bytes.indexOf(head, at + 1)) {
    if (decodeRecord(bytes, at, view) !== undefined) continue;
    const seal = decodeSeal(view);
    if (typeof seal === 'string') continue;
    if (seal.epoch === start.epoch && seal.chain === start.chain) return view.end;
  }
  return undefined;
}

/** Finds the write around `offset`. If the header of the segment is damaged, the header of a write supplies the salt. */
async function placeIn(file: DiskFile, offset: number): Promise<SealPlace | undefined> {
  const decoded = await readSegmentHeader(file);
  const known = decoded.kind === 'header' ? decoded.header.salt : undefined;
  // Blocks at or before the seal, the nearest one first.
  for await (const { at, block } of blocksBefore(file, offset)) {
    const salt = known ?? Salt.at(block, 0);
    const header = decodeWriteHeader(block, 0, salt);
    if (typeof header === 'string') continue;
    const left = at + WRITE_HEADER_BYTES + header.bytes - offset;
    // A write that ends before the seal means that the header of the seal's own write is damaged.
    if (left >= 0) return { offset, left, salt };
    break;
  }
  const next = Buffer.alloc(WRITE_HEADER_BYTES);
  if ((await file.read(next, borderAfter(offset))) < next.length) return undefined;
  const salt = known ?? Salt.at(next, 0);
  const follows = typeof decodeWriteHeader(next, 0, salt) !== 'string';
  return follows ? { offset, left: 0, salt } : undefined;
}

async function* blocksBefore(
  file: DiskFile,
  offset: number,
): AsyncGenerator<{ readonly at: number; readonly block: Buffer }, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  for (let end = borderAfter(offset); end > BLOCK_BYTES;) {
    const start = Math.max(BLOCK_BYTES, end - buffer.length);
    const bytes = buffer.subarray(0, await file.read(buffer.subarray(0, end - start), start));
    for (let at = end - BLOCK_BYTES; at >= start; at -= BLOCK_BYTES) {
      const block = bytes.subarray(at - start, at - start + BLOCK_BYTES);
      if (block.length >= WRITE_HEADER_BYTES) yield { at, block };
    }
    end = start;
  }
}
