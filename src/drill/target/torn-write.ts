/**
 * Write that power loss interrupted: its blocks reach a disk in any order, so some of them are there and others still
 * hold the fill.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { NodeDisk } from '../../ports/node-disk.ts';
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import { BatchBuilder } from '../../wal/format/batch-builder.ts';
import { BLOCK_BYTES } from '../../wal/format/limits.ts';
import type { Position } from '../../wal/format/position.ts';
import { OP, recordBytes } from '../../wal/format/record.ts';
import type { SegmentHeader } from '../../wal/format/segment.ts';
import { readSegmentHeader } from '../../wal/format/segment-copy.ts';
import { scanSegment, type SegmentEnd } from '../../wal/format/segment-scan.ts';
import { segmentPaths } from '../../wal/tools/read-log.ts';
import { borderAfter, headerOf } from '../../wal/format/write-header.ts';

/** Bytes of the value: the batch covers several blocks. */
const VALUE_BYTES = 8 * BLOCK_BYTES;
/** Free bytes of a segment below which a writer would have begun another one. */
const ROOM_BYTES_MIN = 3 * BLOCK_BYTES;

/**
 * Writes a batch after the last one, but not all of its blocks; the seed chooses which ones. The batch was never acknowledged: acknowledged ones were fsynced, and power
 * loss does not tear that.
 * @returns a description of the torn write; undefined if there is no log, or no space after it.
 */
export async function tearWrite(dir: string, entropy: SeededEntropy): Promise<string | undefined> {
  const found = await endOfLog(dir);
  if (found === undefined || found.end.last.lsn === 0) return undefined;
  const { file, header, end } = found;
  const { last, lastEnd, number } = end;
  const content = await readFile(file);
  const start = borderAfter(lastEnd);
  const batch = batchBehind(last);
  const firstLsn = last.lsn + 1;
  const whole = [headerOf(batch, { salt: header.salt, number: number + 1, firstLsn }), batch];
  // A live segment ends in a fill byte.
  const torn = Buffer.concat(whole).subarray(0, Math.max(0, content.length - 1 - start));
  if (torn.length < ROOM_BYTES_MIN) return undefined;
  const blocks = blocksOf(start, torn.length);
  const absent = new Set([entropy.pick(blocks)]);
  for (const block of blocks) if (entropy.chance(0.5)) absent.add(block);
  if (absent.size === blocks.length) absent.delete(entropy.pick(blocks));
  for (const block of blocks) {
    if (!absent.has(block)) torn.copy(content, block, block - start, block + BLOCK_BYTES - start);
  }
  await writeFile(file, content);
  return (
    `of a write of LSN ${firstLsn}, bytes ${start} to ${start + torn.length} of wal/${path.basename(file)}, ` +
    `${absent.size} of ${blocks.length} blocks are missing; nobody was told of it`
  );
}

/** Returns the newest segment, and the end of its batches. */
async function endOfLog(
  dir: string,
): Promise<{ file: string; header: SegmentHeader; end: SegmentEnd } | undefined> {
  const disk = new NodeDisk();
  const newest = (await segmentPaths(disk, dir)).at(-1);
  if (newest === undefined) return undefined;
  const file = await disk.open(newest, 'read');
  try {
    const decoded = await readSegmentHeader(file);
    if (decoded.kind !== 'header') return undefined;
    const { header } = decoded;
    const source = { file, sizeBytes: await file.size(), header };
    return { file: newest, header, end: await scanSegment(source, () => undefined) };
  } finally {
    await file.close();
  }
}

function batchBehind(last: Position): Buffer {
  const builder = new BatchBuilder(last, 0);
  const key = Buffer.from('drill/torn');
  builder.add(
    [{ op: OP.PUT, key, value: Buffer.alloc(VALUE_BYTES, 'torn ') }],
    recordBytes(key.length, VALUE_BYTES),
  );
  return builder.seal({ commitLsn: 0, wallMs: 0 }).bytes;
}

/** Returns the offsets of the blocks that a write touches. */
function blocksOf(offset: number, bytes: number): readonly number[] {
  const first = Math.floor(offset / BLOCK_BYTES);
  const last = Math.floor((offset + bytes - 1) / BLOCK_BYTES);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * BLOCK_BYTES);
}
