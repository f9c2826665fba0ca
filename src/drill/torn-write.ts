/** A write that power loss interrupted: its blocks reach a disk in any order, so some of them are there and others still hold the fill. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { NodeDisk } from '../ports/node-disk.ts';
import type { SimEntropy } from '../sim/sim-entropy.ts';
import { BatchBuilder } from '../wal/batch-builder.ts';
import { BLOCK_BYTES } from '../wal/limits.ts';
import type { Position } from '../wal/position.ts';
import { OP, recordBytes } from '../wal/record.ts';
import { readLog } from '../wal/tools/read-log.ts';

/** Of the value: the batch covers several blocks. */
const VALUE_BYTES = 8 * BLOCK_BYTES;
/** With room for less, a writer would have begun another segment. */
const ROOM_BYTES_MIN = 3 * BLOCK_BYTES;

/**
 * Writes a batch behind the last one, but not all of its blocks; which ones, the seed chooses. Nobody was told of it: what was acknowledged was fsynced, and power
 * loss does not tear that.
 * @returns what was torn, in words; undefined where there is no log, or no room behind it.
 */
export async function tearWrite(dir: string, entropy: SimEntropy): Promise<string | undefined> {
  let last: Position = { epoch: 0, lsn: 0, chain: 0 };
  let end = { segment: '', offset: 0 };
  for await (const event of readLog(new NodeDisk(), dir)) {
    if (event.kind === 'batch') ({ last } = event.batch);
    if (event.kind === 'end') end = event;
  }
  if (last.lsn === 0) return undefined;
  const file = path.join(dir, 'wal', end.segment);
  const content = await readFile(file);
  // A live segment ends in a fill byte.
  const torn = batchBehind(last).subarray(0, Math.max(0, content.length - 1 - end.offset));
  if (torn.length < ROOM_BYTES_MIN) return undefined;
  const blocks = blocksOf(end.offset, torn.length);
  const absent = new Set([entropy.pick(blocks)]);
  for (const block of blocks) if (entropy.chance(0.5)) absent.add(block);
  if (absent.size === blocks.length) absent.delete(entropy.pick(blocks));
  for (const block of blocks) {
    if (absent.has(block)) continue;
    const from = Math.max(block, end.offset);
    torn.copy(content, from, from - end.offset, block + BLOCK_BYTES - end.offset);
  }
  await writeFile(file, content);
  const lsn = last.lsn + 1;
  return (
    `of a write of LSN ${lsn}, bytes ${end.offset} to ${end.offset + torn.length} of wal/${end.segment}, ` +
    `${absent.size} of ${blocks.length} blocks are missing; nobody was told of it`
  );
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

/** Where the blocks begin that a write touches. */
function blocksOf(offset: number, bytes: number): readonly number[] {
  const first = Math.floor(offset / BLOCK_BYTES);
  const last = Math.floor((offset + bytes - 1) / BLOCK_BYTES);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * BLOCK_BYTES);
}
