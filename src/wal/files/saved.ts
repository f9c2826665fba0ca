/**
 * saved/: what was cut off a log. Each entry is an ordinary segment file and one JSON beside it; nothing here is ever
 * erased by the node. At the cap, saving is refused, and so is whatever needed it.
 */
import { readingOver } from './unreadable.ts';
import type { Disk } from '../../ports/disk.ts';
import { writeAnew } from './adopt.ts';
import { WalshipError } from '../../errors.ts';
import { isAbsent } from '../../ports/disk-errors.ts';
import { crc32 } from '../format/checksum.ts';
import { MiB } from '../../ports/units.ts';
import { readWhole, writeWhole } from './meta.ts';
import type { Version } from '../format/position.ts';
import { hex32 } from '../format/record.ts';
import { type SegmentHeader, TEMPORARY_SUFFIX } from '../format/segment.ts';
import { pieceBytes, rangeBytes, type SegmentPiece } from '../format/segment-copy.ts';

/** saved/ holds at most this much, and at most this many entries. */
export const SAVED_BYTES_MAX = 8 * 1024 * MiB;
export const SAVED_ENTRIES_MAX = 1000;
const SAVED_DIR = 'saved';

/** Why something was cut off, and by whose decision. */
export interface SavedNote {
  /** One sentence. */
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly whenMs: number;
  /** First LSN that was cut off, and the epoch of the record before it. */
  readonly from: Version;
  /** Last one, where it is known. */
  readonly to: Version | 'unknown';
  /** `recovery`, `operator`, or the leader that it followed. */
  readonly by: string;
  /** How many records there are, where they were counted. */
  readonly records?: number;
  readonly localAcks?: LocalAcks;
  /** Up to this LSN the node knew its log to be committed; above `from` only where an operator let it be cut. */
  readonly committedLsn?: number;
}

/**
 * Whether any of it had been acknowledged at `local`. Only the process that acknowledged knows, and only as long as it runs: what an
 * earlier run of it led, or what came from another leader, is `unknown`.
 */
export type LocalAcks = 'yes' | 'no' | 'unknown';

/** One entry, as its JSON says. */
export interface SavedEntry extends SavedNote {
  readonly format: 1;
  /** Name of the segment file in saved/. */
  readonly name: string;
  readonly bytes: number;
  /** CRC-32 of the file. */
  readonly crc: string;
  /** Where it came from: segment and offset. */
  readonly segment: string;
  readonly offset: number;
}

/** A part of a segment. With a header it becomes a segment of its own; without one it is copied as it is. */
export interface SavedSource extends Pick<SegmentPiece, 'start' | 'end'> {
  /** Path of the segment. */
  readonly path: string;
  readonly header?: SegmentHeader;
  /** Bytes of the write around `start` that follow it; none unless said otherwise. */
  readonly left?: number;
}

export interface SavedPlace {
  readonly disk: Disk;
  /** The data directory. */
  readonly dir: string;
  readonly bytesMax?: number;
}

/** Path of a saved segment. */
export function savedPath(dir: string, name: string): string {
  return `${dir}/${SAVED_DIR}/${name}`;
}

/** Entries of saved/, by LSN. A JSON that does not read, or whose segment somebody took away, is no entry; both may go at any moment. */
export async function listSaved(place: SavedPlace): Promise<readonly SavedEntry[]> {
  return (await readSaved(place)).entries;
}

interface SavedContent {
  readonly entries: readonly SavedEntry[];
  /** Notes whose segment is not there. */
  readonly lone: readonly SavedEntry[];
}

async function readSaved(place: SavedPlace): Promise<SavedContent> {
  const dir = `${place.dir}/${SAVED_DIR}`;
  const names = await place.disk.list(dir);
  const entries: SavedEntry[] = [];
  const lone: SavedEntry[] = [];
  for (const name of names) {
    if (!name.endsWith('.json')) continue;
    const bytes = await readWhole(place.disk, `${dir}/${name}`).catch(absent);
    const entry = bytes === undefined ? undefined : decodeEntry(bytes);
    if (entry !== undefined) (names.includes(entry.name) ? entries : lone).push(entry);
  }
  return { entries, lone };
}

/**
 * Copies a piece of a segment to saved/; durable on resolve, under a name of its own. The same piece is saved once only, so that a
 * recovery that died halfway can begin again.
 * @throws WalshipError SAVED_FULL at the cap; then nothing was saved and nothing erased.
 */
export async function saveSegment(
  place: SavedPlace,
  source: SavedSource,
  note: SavedNote,
): Promise<SavedEntry> {
  const { disk } = place;
  const dir = `${place.dir}/${SAVED_DIR}`;
  await disk.makeDir(dir);
  for (const name of await disk.list(dir)) {
    if (name.endsWith(TEMPORARY_SUFFIX)) await disk.remove(`${dir}/${name}`).catch(absent);
  }
  const file = await readingOver(disk).open(source.path, 'read');
  try {
    const { header, start, left = 0, end } = source;
    const content = (): AsyncIterable<Buffer> =>
      header === undefined
        ? rangeBytes(file, start, end)
        : pieceBytes({ file, header, start, left, end });
    let [bytes, sum] = [0, 0];
    for await (const part of content()) {
      bytes += part.length;
      sum = crc32(part, sum);
    }
    const crc = hex32(sum);
    const { entries, lone } = await readSaved(place);
    const segment = source.path.slice(source.path.lastIndexOf('/') + 1);
    const isSame = (entry: SavedEntry): boolean =>
      entry.segment === segment && entry.bytes === bytes && entry.crc === crc;
    // Written again under its old name: what an earlier life saved may be in the page cache only.
    const held = entries.find(isSame);
    if (held === undefined) refuseAtCap(place, entries, { bytes, entries: 1 });
    const same = held ?? lone.find(isSame);
    const stem = same?.name.slice(0, -'.wal'.length) ?? (await freeStem(disk, dir, note.from.lsn));
    const entry: SavedEntry = {
      format: 1,
      name: `${stem}.wal`,
      bytes,
      crc,
      segment,
      offset: source.start,
      ...note,
    };
    // The note is durable first: a crash in between leaves no segment of which nobody knows why it is there.
    const json = { ...entry, when: new Date(entry.whenMs).toISOString() };
    const text = Buffer.from(`${JSON.stringify(json, undefined, 2)}\n`);
    await writeWhole(disk, { dir, name: `${stem}.json`, bytes: text });
    await writeAnew(disk, { dir, name: entry.name }, async (target) => {
      let offset = 0;
      for await (const part of content()) {
        await target.write(part, offset);
        offset += part.length;
      }
    });
    return entry;
  } finally {
    await file.close();
  }
}

/** Something that is to be saved. */
export interface WantedRoom {
  readonly bytes: number;
  readonly entries: number;
}

/** Asks for room before anything is done that would need it. @throws WalshipError SAVED_FULL where there is none. */
export async function refuseWithoutRoom(place: SavedPlace, wanted: WantedRoom): Promise<void> {
  refuseAtCap(place, await listSaved(place), wanted);
}

function refuseAtCap(
  place: SavedPlace,
  held: readonly SavedEntry[],
  { bytes, entries }: WantedRoom,
): void {
  const bytesMax = place.bytesMax ?? SAVED_BYTES_MAX;
  const dir = `${place.dir}/${SAVED_DIR}`;
  let usedBytes = 0;
  for (const entry of held) usedBytes += entry.bytes;
  if (usedBytes + bytes <= bytesMax && held.length + entries <= SAVED_ENTRIES_MAX) return;
  throw new WalshipError(
    'SAVED_FULL',
    `${dir} holds ${usedBytes} bytes in ${held.length} entries, and ${bytes} bytes in ${entries} more ` +
      `have to be saved before anything is cut; at most ${bytesMax} bytes in ${SAVED_ENTRIES_MAX} entries are kept`,
    { details: { path: dir, usedBytes, wantedBytes: bytes, bytesMax } },
  );
}

/** A name that no file in `dir` has: the LSN, and a number. */
async function freeStem(disk: Disk, dir: string, lsn: number): Promise<string> {
  const taken = new Set(await disk.list(dir));
  for (let number = 1; ; number += 1) {
    const stem = `${String(lsn).padStart(20, '0')}-${number}`;
    if (!taken.has(`${stem}.wal`) && !taken.has(`${stem}.json`)) return stem;
  }
}

/** Undefined for a file that is not there any more: an operator makes room here while the node runs. */
function absent(error: unknown): undefined {
  if (isAbsent(error)) return undefined;
  throw error;
}

function decodeEntry(bytes: Buffer): SavedEntry | undefined {
  try {
    const parsed = JSON.parse(bytes.toString('utf8')) as SavedEntry;
    const known = parsed.format === 1 && typeof parsed.name === 'string';
    return known && Number.isSafeInteger(parsed.bytes) ? parsed : undefined;
  } catch {
    // Not ours, or damaged: the file stays, and is not counted.
    return undefined;
  }
}
