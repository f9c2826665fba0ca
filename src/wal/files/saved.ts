/**
 * saved/: records that were cut off a log. Each entry is an ordinary segment file with a JSON note beside it; the node never
 * deletes an entry. At the limit, saving is refused, and so is the operation that needs it.
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

/** Maximum bytes and maximum number of entries in saved/. */
export const SAVED_BYTES_MAX = 8 * 1024 * MiB;
export const SAVED_ENTRIES_MAX = 1000;
const SAVED_DIR = 'saved';

/** Reason for a cut, and its author. */
export interface SavedNote {
  /** Reason in one sentence. */
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly whenMs: number;
  /** First LSN that was cut off, and the epoch of the record before it. */
  readonly from: Version;
  /** Last LSN that was cut off, if it is known. */
  readonly to: Version | 'unknown';
  /** `recovery`, `operator`, or the leader that it followed. */
  readonly by: string;
  /** Number of records, if they were counted. */
  readonly records?: number;
  readonly localAcks?: LocalAcks;
  /** LSN up to which the node knew its log to be committed; above `from` only if an operator allowed the cut. */
  readonly committedLsn?: number;
}

/**
 * Tells if any of the records had been acknowledged at level `local`. Only the process that acknowledged them knows, while it runs:
 * for records of an earlier run, or from another leader, the value is `unknown`.
 */
export type LocalAcks = 'yes' | 'no' | 'unknown';

/** One entry, as described by its JSON note. */
export interface SavedEntry extends SavedNote {
  readonly format: 1;
  /** Name of the segment file in saved/. */
  readonly name: string;
  readonly bytes: number;
  /** CRC-32 of the file. */
  readonly crc: string;
  /** Origin: name of the segment, and offset in it. */
  readonly segment: string;
  readonly offset: number;
}

/** A part of a segment. With a header it becomes a new segment; without one its bytes are copied unchanged. */
export interface SavedSource extends Pick<SegmentPiece, 'start' | 'end'> {
  /** Path of the segment. */
  readonly path: string;
  readonly header?: SegmentHeader;
  /** Bytes of the write around `start` that follow `start`. Default 0. */
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

/** Lists the entries of saved/, by LSN. A note that is unreadable or whose segment is missing is no entry; an operator may delete files at any time. */
export async function listSaved(place: SavedPlace): Promise<readonly SavedEntry[]> {
  return (await readSaved(place)).entries;
}

interface SavedContent {
  readonly entries: readonly SavedEntry[];
  /** Notes whose segment is missing. */
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
 * Copies a piece of a segment to saved/, under a new name; durable on resolve. The same piece is saved only once, so that an
 * interrupted recovery can begin again.
 * @throws WalshipError SAVED_FULL at the limit; then nothing was saved and nothing deleted.
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
    // Written again under its old name: the copy of an earlier process may be in the page cache only.
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
    // The note is durable first, so that a crash in between leaves no segment without an explanation.
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

/** Size of the pieces to save. */
export interface WantedRoom {
  readonly bytes: number;
  readonly entries: number;
}

/** Checks in advance that saved/ has room. @throws WalshipError SAVED_FULL if it has not. */
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

/** Returns an unused file name stem for `dir`: the LSN, and a number. */
async function freeStem(disk: Disk, dir: string, lsn: number): Promise<string> {
  const taken = new Set(await disk.list(dir));
  for (let number = 1; ; number += 1) {
    const stem = `${String(lsn).padStart(20, '0')}-${number}`;
    if (!taken.has(`${stem}.wal`) && !taken.has(`${stem}.json`)) return stem;
  }
}

/** Ignores a missing file: an operator may delete files here while the node runs. */
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
    // A foreign or damaged file: it stays, and is not counted.
    return undefined;
  }
}
