/** Copies of segments, whole or in part, with headers that match the copied content. */
import { WalshipError } from '../../errors.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { MiB } from '../../ports/units.ts';
import { BLOCK_BYTES, FILL_BYTE, SEGMENT_HEADER_BYTES, WRITE_HEADER_BYTES } from './limits.ts';
import type { Salt } from './salt.ts';
import {
  type DecodedHeader,
  decodeSegmentHeader,
  encodeSegmentHeader,
  fill,
  type SegmentHeader,
} from './segment.ts';
import {
  borderAfter,
  decodeWriteHeader,
  encodeWriteHeader,
  fillBlocksOf,
  headerOf,
} from './write-header.ts';

const COPY_BYTES = MiB;
const BLOCK_OF_FILL = Buffer.alloc(BLOCK_BYTES, FILL_BYTE);

/** Reads the segment header of a file. */
export async function readSegmentHeader(file: DiskFile): Promise<DecodedHeader> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  return decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
}

/** Returns the first block of a segment: its header, then fill. */
export function firstBlock(header: SegmentHeader): Buffer {
  return Buffer.concat([encodeSegmentHeader(header), BLOCK_OF_FILL.subarray(SEGMENT_HEADER_BYTES)]);
}

/** A segment that was copied. */
export interface SegmentCopy {
  readonly header: SegmentHeader;
  /** Number of its last write; 0 if it has none. */
  readonly number: number;
}

export interface CopySource {
  readonly file: DiskFile;
  /** Path for error messages. */
  readonly path: string;
  /** End of the copy, just past a batch. */
  readonly usedBytes: number;
}

/**
 * Copies a verified segment into `target`, with `another` salt if one is given: old writes after the cut then cannot be mistaken
 * for writes of the new file. The last write ends where the copy ends. Offsets do not change; nothing is durable on resolve.
 */
export async function copySegment(
  source: CopySource,
  target: Pick<DiskFile, 'write'>,
  another?: Salt,
): Promise<SegmentCopy> {
  const { file, path, usedBytes } = source;
  const decoded = await readSegmentHeader(file);
  if (decoded.kind !== 'header') throw changed(path, 0);
  const salt = another ?? decoded.header.salt;
  const header = { ...decoded.header, salt };
  await target.write(firstBlock(header), 0);
  let number = 0;
  let next = borderAfter(SEGMENT_HEADER_BYTES);
  const buffer = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, borderAfter(usedBytes)));
  for (let offset = next; offset < usedBytes; offset += buffer.length) {
    const window = buffer.subarray(0, Math.min(buffer.length, usedBytes - offset));
    if ((await file.read(window, offset)) < window.length) throw changed(path, offset);
    while (next < offset + window.length) {
      const found = decodeWriteHeader(window, next - offset, decoded.header.salt);
      if (typeof found === 'string') throw changed(path, next);
      ({ number } = found);
      const start = next + WRITE_HEADER_BYTES;
      const bytes = Math.min(found.bytes, usedBytes - start);
      let { fillBlocks } = found;
      if (bytes < found.bytes) fillBlocks = fillBlocksOf(await readBody(source, start, bytes));
      const { firstLsn } = found;
      encodeWriteHeader(window, next - offset, { salt, number, bytes, firstLsn, fillBlocks });
      next = borderAfter(start + bytes);
    }
    await target.write(window, offset);
  }
  return { header, number };
}

/**
 * Rewrites the used part of a segment in place, and writes fill over everything after it: durable on resolve. Needs no disk space if
 * the file holds at least one byte more than is used. A power loss during the rewrite leaves the old content, or a torn write at the
 * point of the cut.
 */
export async function rewriteInPlace(
  disk: Disk,
  segment: { readonly path: string; readonly usedBytes: number; readonly sizeBytes: number },
): Promise<SegmentCopy> {
  const { path, usedBytes, sizeBytes } = segment;
  const file = await disk.open(path, 'write');
  try {
    // Done before the header of the last write gets its new end: only fill may follow that end.
    await fill(file, usedBytes, Math.max(sizeBytes, usedBytes + 1));
    await file.sync();
    const copy = await copySegment({ file, path, usedBytes }, file);
    await file.sync();
    return copy;
  } finally {
    await file.close();
  }
}

async function readBody({ file, path }: CopySource, start: number, bytes: number): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(bytes);
  if ((await file.read(target, start)) < bytes) throw changed(path, start);
  return target;
}

function changed(path: string, bytes: number): WalshipError {
  const message = `${path} changed at byte ${bytes} while it was read`;
  return new WalshipError('DISK_FAILED', message, { details: { path, bytes } });
}

/** A part of a segment that becomes a segment of its own. */
export interface SegmentPiece {
  readonly file: DiskFile;
  /** Header whose position is the one at `start`; the salt is that of the source segment. */
  readonly header: SegmentHeader;
  /** Start of the piece, just past a batch or the segment's header. */
  readonly start: number;
  /** Bytes of the write around `start` that follow `start`. */
  readonly left: number;
  /** End of the piece, exclusive. */
  readonly end: number;
}

/** Yields the bytes of the new segment, in order; each buffer is valid until the next one is requested. Damaged bytes are copied unchanged. */
export async function* pieceBytes(piece: SegmentPiece): AsyncGenerator<Buffer, void, undefined> {
  const { file, header, start, left, end } = piece;
  yield firstBlock(header);
  const from = borderAfter(start + left);
  if (left > 0) {
    const body = Buffer.allocUnsafeSlow(left);
    const batches = body.subarray(0, await file.read(body, start));
    if (batches.length === 0) return;
    // Later writes have higher numbers: this was not the first write of its segment.
    yield headerOf(batches, { salt: header.salt, number: 1, firstLsn: header.baseLsn });
    yield batches;
    const used = WRITE_HEADER_BYTES + batches.length;
    if (from < end) yield BLOCK_OF_FILL.subarray(0, borderAfter(used) - used);
  }
  yield* rangeBytes(file, from, end);
}

/** Yields the bytes of a file from `start` to `end` or to the end of the file; each buffer is valid until the next one is requested. */
export async function* rangeBytes(
  file: DiskFile,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(COPY_BYTES, end - start)));
  for (let offset = start; offset < end;) {
    const wanted = Math.min(buffer.length, end - offset);
    const count = await file.read(buffer.subarray(0, wanted), offset);
    if (count > 0) yield buffer.subarray(0, count);
    if (count < wanted) return;
    offset += count;
  }
}
