/** Damage to the files of a node that is down, at places that a seed chooses. Each resolves with what was done, in words. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WalshipError } from '../errors.ts';
import { NodeDisk } from '../ports/node-disk.ts';
import type { SimEntropy } from '../sim/sim-entropy.ts';
import { BatchBuilder } from '../wal/batch-builder.ts';
import { FILL_BYTE, SEGMENT_HEADER_BYTES } from '../wal/limits.ts';
import type { Position } from '../wal/position.ts';
import { OP, recordBytes } from '../wal/record.ts';
import { parseSegmentName } from '../wal/segment.ts';
import { readLog } from '../wal/tools/read-log.ts';
import type { FileFault } from './fault.ts';

/** The unit in which disks write. */
const BLOCK_BYTES = 512;
/** Of the value of a torn write: it covers several blocks. */
const TORN_VALUE_BYTES = 8 * BLOCK_BYTES;

export interface DamagedNode {
  /** Its data directory. */
  readonly dir: string;
  /** Where its copies are kept. */
  readonly copyDir: string;
  readonly entropy: SimEntropy;
}

/** @throws WalshipError DRILL_FAILED where there is nothing to damage. */
export async function damageFiles(fault: FileFault, node: DamagedNode): Promise<string> {
  switch (fault.kind) {
    case 'flip-bit':
      return await flipBit(fault.where, node);
    case 'torn-tail':
      return await tearTail(node);
    case 'lose-segment':
      return await loseSegment(fault.which, node);
    case 'lose-snapshots':
      await rm(path.join(node.dir, 'snapshots'), { recursive: true, force: true });
      return 'snapshots/ is gone';
    case 'wipe':
      await rm(node.dir, { recursive: true, force: true });
      return 'the data directory is empty';
    case 'back-up':
      await rm(node.copyDir, { recursive: true, force: true });
      await cp(node.dir, node.copyDir, { recursive: true });
      return 'the data directory was copied';
    case 'restore':
  }
  return await restore(fault.keepMeta, node);
}

async function flipBit(
  where: (FileFault & { kind: 'flip-bit' })['where'],
  { dir, entropy }: DamagedNode,
): Promise<string> {
  const name = await fileOf(where, dir);
  const file = path.join(dir, name);
  const bytes = await readFile(file);
  const isSegment = name.endsWith('.wal');
  const from = isSegment ? SEGMENT_HEADER_BYTES : 0;
  const end = isSegment ? writtenEnd(bytes) : bytes.length;
  if (end <= from) throw failed(`${name} holds nothing that could be damaged`);
  const offset = from + entropy.below(end - from);
  const bit = entropy.below(8);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
  await writeFile(file, bytes);
  return `bit ${bit} of byte ${offset} of ${name} is flipped`;
}

async function fileOf(
  where: (FileFault & { kind: 'flip-bit' })['where'],
  dir: string,
): Promise<string> {
  if (where === 'meta') return 'meta.json';
  if (where === 'snapshot') {
    const names = await namesIn(dir, 'snapshots', (name) => name.endsWith('.snap'));
    const newest = names.at(-1);
    if (newest === undefined) throw failed('there is no snapshot to damage');
    return newest;
  }
  const segments = await segmentsOf(dir);
  const found =
    where === 'last-segment' ? segments.at(-1) : segments[Math.floor((segments.length - 1) / 2)];
  if (found === undefined || (where === 'sealed-segment' && segments.length < 2)) {
    throw failed('there is no such segment to damage');
  }
  return found;
}

/**
 * A batch that nobody was told of stands behind the last one, and of its blocks only the last was written: as when power fails while a write is under way,
 * whose blocks reach a disk in any order.
 */
async function tearTail({ dir }: DamagedNode): Promise<string> {
  let last: Position = { epoch: 0, lsn: 0, chain: 0 };
  let end = { segment: '', offset: 0 };
  for await (const event of readLog(new NodeDisk(), dir)) {
    if (event.kind === 'batch') ({ last } = event.batch);
    if (event.kind === 'end') end = event;
  }
  if (last.lsn === 0) throw failed('there is no log to tear');
  const builder = new BatchBuilder(last, 0);
  const op = {
    op: OP.PUT,
    key: Buffer.from('drill/torn'),
    value: Buffer.alloc(TORN_VALUE_BYTES, 'torn '),
  };
  builder.add([op], recordBytes(op.key.length, op.value.length));
  const { bytes } = builder.seal({ commitLsn: 0, wallMs: 0 });
  const file = path.join(dir, 'wal', end.segment);
  const content = await readFile(file);
  const room = content.length - end.offset - 1;
  const torn = bytes.subarray(0, Math.max(0, room));
  const from = Math.floor((end.offset + torn.length - 1) / BLOCK_BYTES) * BLOCK_BYTES;
  if (from <= end.offset) throw failed('the last segment has no room for a torn write');
  torn.copy(content, from, from - end.offset);
  await writeFile(file, content);
  return `of a write behind LSN ${last.lsn} in ${end.segment} only the block at ${from} was written`;
}

async function loseSegment(
  which: (FileFault & { kind: 'lose-segment' })['which'],
  { dir }: DamagedNode,
): Promise<string> {
  const segments = await segmentsOf(dir);
  const index = { first: 0, middle: Math.floor(segments.length / 2), last: segments.length - 1 };
  const name = segments[index[which]];
  if (name === undefined) throw failed('there is no segment to lose');
  await rm(path.join(dir, name));
  return `${name} is gone`;
}

async function restore(keepMeta: boolean, { dir, copyDir }: DamagedNode): Promise<string> {
  const meta = path.join(dir, 'meta.json');
  const kept = keepMeta ? await readFile(meta) : undefined;
  await rm(dir, { recursive: true, force: true });
  await cp(copyDir, dir, { recursive: true });
  if (kept !== undefined) await writeFile(meta, kept);
  return `the copy is back${keepMeta ? ', beside the meta.json of today' : ''}`;
}

/** Paths within the data directory, oldest first. */
async function segmentsOf(dir: string): Promise<readonly string[]> {
  return await namesIn(dir, 'wal', (name) => parseSegmentName(name) !== undefined);
}

async function namesIn(
  dir: string,
  folder: string,
  matches: (name: string) => boolean,
): Promise<readonly string[]> {
  try {
    const names = (await readdir(path.join(dir, folder))).filter(matches);
    return names.toSorted().map((name) => path.join(folder, name));
  } catch (cause) {
    throw new WalshipError('DRILL_FAILED', `there is no ${folder}/ to damage`, { cause });
  }
}

/** Just past the last byte that is no fill. */
function writtenEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === FILL_BYTE) end -= 1;
  return end;
}

function failed(message: string): WalshipError {
  return new WalshipError('DRILL_FAILED', message);
}
