/** Damage to the files of a node that is down, at places that a seed chooses. Each resolves with what was done, in words. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WalshipError } from '../../errors.ts';
import { NodeDisk } from '../../ports/node-disk.ts';
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../wal/format/limits.ts';
import { META_NAME } from '../../wal/files/meta.ts';
import { parseSegmentName } from '../../wal/format/segment.ts';
import { parseSnapshotName } from '../../wal/snapshot/snapshot-format.ts';
import { readLog } from '../../wal/tools/read-log.ts';
import { backUp, emptyDir, restore } from './copies.ts';
import type { FaultOf } from '../faults/fault.ts';
import type { GroupFault } from '../faults/table.ts';
import { healDisk } from '../inside/node-faults.ts';
import { tearWrite } from './torn-write.ts';

/** An action on a node that is down. */
export type DownFault = GroupFault<'files'> | FaultOf<'heal-disk'>;

export interface DamagedNode {
  /** Path of its data directory. */
  readonly dir: string;
  /** Path of the directory for its copies. */
  readonly copyDir: string;
  readonly entropy: SeededEntropy;
}

/** @throws WalshipError DRILL_FAILED where there is nothing to damage. */
export async function damageFiles(fault: DownFault, node: DamagedNode): Promise<string> {
  const { dir, copyDir, entropy } = node;
  switch (fault.kind) {
    case 'flip-bit':
      return await flipBit(fault.where, node);
    case 'torn-tail': {
      const torn = await tearWrite(dir, entropy);
      return torn ?? 'nothing is torn: there is no log, or no room behind its last batch';
    }
    case 'lose-segment':
      return await loseSegment(fault.which, dir);
    case 'lose-snapshots':
      return await loseSnapshots(dir);
    case 'wipe':
      return `gone are ${listed(await emptyDir(dir))}`;
    case 'back-up':
      await backUp(dir, copyDir);
      return `copied are ${await segmentsText(dir)}`;
    case 'heal-disk':
      healDisk(dir);
      return 'its next start finds it so';
    case 'restore':
  }
  await restore(dir, { copyDir, keepMeta: fault.keepMeta });
  return `there are ${await segmentsText(dir)} now${fault.keepMeta ? ', and the meta.json of before' : ''}`;
}

type Where = FaultOf<'flip-bit'>['where'];

async function flipBit(where: Where, { dir, entropy }: DamagedNode): Promise<string> {
  const { name, from, end } = await placeOf(where, { dir, entropy });
  const file = path.join(dir, name);
  const bytes = await readFile(file);
  let offset = from + entropy.below(end - from);
  // Bytes between two writes mean nothing, so the damage is in a write.
  while (offset > from && bytes[offset] === FILL_BYTE) offset -= 1;
  const bit = entropy.below(8);
  const lsns = name.startsWith('wal/') ? await batchAt(dir, name, offset) : undefined;
  bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
  await writeFile(file, bytes);
  return `bit ${bit} of byte ${offset} of ${name} is flipped${lsns === undefined ? '' : `, in the batch of LSN ${lsns}`}`;
}

/** A file in a data directory, and the part of it that means something. */
interface Place {
  readonly name: string;
  readonly from: number;
  readonly end: number;
}

async function placeOf(
  where: Where,
  { dir, entropy }: { readonly dir: string; readonly entropy: SeededEntropy },
): Promise<Place> {
  if (where === 'meta') return await wholeFile(dir, META_NAME);
  if (where === 'snapshot') {
    const newest = (await snapshotsIn(dir)).at(-1);
    if (newest === undefined) throw failed('there is no snapshot to damage');
    return await wholeFile(dir, newest);
  }
  const used: Place[] = [];
  for (const name of await segmentsIn(dir)) {
    const end = writtenEnd(await readFile(path.join(dir, name)));
    if (end > BLOCK_BYTES) used.push({ name, from: BLOCK_BYTES, end });
  }
  const sealed = used.slice(0, -1);
  const last = used.at(-1);
  if (where === 'last-segment' && last !== undefined) return last;
  if (where === 'sealed-segment' && sealed.length > 0) return entropy.pick(sealed);
  throw failed(`there is no ${where.replace('-', ' ')} to damage`);
}

async function wholeFile(dir: string, name: string): Promise<Place> {
  return { name, from: 0, end: (await readFile(path.join(dir, name))).length };
}

/** The LSNs of the batch at a place, or of the one whose header is there, as far as the log reads. */
async function batchAt(dir: string, name: string, at: number): Promise<string | undefined> {
  for await (const event of readLog(new NodeDisk(), dir)) {
    if (event.kind !== 'batch' || `wal/${event.segment}` !== name) continue;
    const { first, last } = event.batch;
    const from = first.lsn + 1;
    if (at < event.offset + event.bytes.length) {
      return from === last.lsn ? String(last.lsn) : `${from} to ${last.lsn}`;
    }
  }
  return undefined;
}

async function loseSegment(which: FaultOf<'lose-segment'>['which'], dir: string): Promise<string> {
  const segments = await segmentsIn(dir);
  const index = { first: 0, middle: Math.floor(segments.length / 2), last: segments.length - 1 };
  const name = segments[index[which]];
  const next = segments[index[which] + 1];
  if (name === undefined) throw failed('there is no segment to lose');
  await rm(path.join(dir, name));
  const lsns =
    next === undefined
      ? `from LSN ${baseOf(name)} on`
      : `LSN ${baseOf(name)} to ${baseOf(next) - 1}`;
  return `${name} is gone, ${lsns}`;
}

async function loseSnapshots(dir: string): Promise<string> {
  const names = await snapshotsIn(dir);
  for (const name of names) await rm(path.join(dir, name));
  return names.length === 0 ? 'there was no snapshot' : `gone are ${listed(names)}`;
}

/** Describes the contents of a directory for display. */
async function segmentsText(dir: string): Promise<string> {
  const segments = await segmentsIn(dir);
  const snapshots = await snapshotsIn(dir);
  return `${segments.length} segments and ${snapshots.length} snapshots`;
}

/** Paths within the data directory, oldest first. */
async function segmentsIn(dir: string): Promise<readonly string[]> {
  return await pathsIn(dir, 'wal', (name) => parseSegmentName(name) !== undefined);
}

async function snapshotsIn(dir: string): Promise<readonly string[]> {
  return await pathsIn(dir, 'snapshots', (name) => parseSnapshotName(name) !== undefined);
}

async function pathsIn(
  dir: string,
  folder: string,
  matches: (name: string) => boolean,
): Promise<readonly string[]> {
  const names = await new NodeDisk().list(path.join(dir, folder));
  return names
    .filter(matches)
    .toSorted()
    .map((name) => `${folder}/${name}`);
}

function baseOf(segment: string): number {
  return parseSegmentName(path.basename(segment)) ?? 0;
}

/** Just past the last byte that is no fill. */
function writtenEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === FILL_BYTE) end -= 1;
  return end;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'no files' : names.join(', ');
}

function failed(message: string): WalshipError {
  return new WalshipError('DRILL_FAILED', message);
}
