import assert from 'node:assert';
import { KiB } from '../../ports/units.ts';
import { SEGMENT_HEADER_BYTES } from '../format/limits.ts';
import type { Position } from '../format/position.ts';
import { stateBefore } from '../format/segment.ts';
import type { SegmentHeader } from '../format/segment.ts';
import type { BatchPlace } from '../format/write-scan.ts';

/** How far apart the known places are at first, in bytes of the stream. */
const STEP_BYTES = 64 * KiB;
/** Just past the header of a segment, where its first write comes. */
const SEGMENT_START: BatchPlace = { offset: SEGMENT_HEADER_BYTES, left: 0 };
/** Places kept; at the bound every other one is forgotten, and new ones are twice as far apart. */
const PLACES_MAX = 32_768;

/**
 * A place between two batches. `at` counts bytes of the stream: those of all batches before it, which are the same on every node. Where
 * that is in this node's files, with the headers of writes and their fill, is what `offset` and `left` say.
 */
export interface Place extends BatchPlace {
  readonly position: Position;
  readonly at: number;
}

interface MappedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** The place of its first batch, in the stream. */
  readonly at: number;
  /** Bytes on disk of all segments before it. */
  readonly diskAt: number;
}

/** A segment as recovery found it. */
export interface FoundSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Just past its last batch, in the file. */
  readonly usedBytes: number;
  /** Of its batches, in the stream. */
  readonly streamBytes: number;
}

/** A part of a segment, and the position just before it. */
export interface MappedPiece {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly start: number;
  readonly left: number;
  readonly end: number;
  readonly position: Position;
}

/** A segment that is not written to any more: what is used of it never changes again. */
export interface SealedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Just past its last batch, in the file. */
  readonly end: number;
  /** Of its batches, in the stream. */
  readonly streamBytes: number;
  /** The end of its last batch. */
  readonly last: Position;
}

/** Where to read: a range of a segment file that begins and ends between two batches. */
export interface FileRange extends BatchPlace {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly end: number;
}

/**
 * Which batch is where, sparsely: enough to find any LSN by reading a bounded stretch of one file.
 * Only what is durable is on the map.
 */
export class LogMap {
  #segments: MappedSegment[] = [];
  #places: Place[] = [];
  #stepBytes = STEP_BYTES;
  #end: Place;

  /** A log that begins at `start`. */
  constructor(start: Position) {
    this.#end = { position: start, at: 0, ...SEGMENT_START };
    this.#places.push(this.#end);
  }

  /** The end of what is durable. */
  get end(): Place {
    return this.#end;
  }

  /** Bytes on disk of all segments that ever were part of the log in this process's life, up to its end. */
  get diskBytes(): number {
    return this.#diskAt(this.#end);
  }

  /** About how many of these bytes lie behind `lsn`: exact to the distance of known places. */
  diskBytesAfter(lsn: number): number {
    if (lsn >= this.#end.position.lsn) return 0;
    return this.diskBytes - this.#diskAt(this.placeBefore(lsn));
  }

  #diskAt(place: Place): number {
    const segment = lastWhere(this.#segments, (held) => held.at <= place.at);
    if (segment === undefined) return 0;
    return segment.diskAt + (segment.at === place.at ? SEGMENT_HEADER_BYTES : place.offset);
  }

  /** Just before the oldest record held. */
  get start(): Position {
    return (this.#places[0] ?? this.#end).position;
  }

  get segments(): readonly { readonly path: string; readonly header: SegmentHeader }[] {
    return this.#segments;
  }

  /** A batch of `bytes` that ends at `last`, and in its file at `place`, is durable behind what was. */
  addBatch(bytes: number, last: Position, place: BatchPlace): void {
    const { offset, left } = place;
    const end = { position: last, at: this.#end.at + bytes, offset, left };
    const known = this.#places.at(-1)?.at ?? 0;
    if (end.at - known >= this.#stepBytes) this.#places.push(end);
    if (this.#places.length > PLACES_MAX) this.#thin();
    this.#end = end;
  }

  /** What was mapped so far continues `start`, which was not known when the first batch was added. */
  beginAt(start: Position): void {
    this.#places[0] = { position: start, at: 0, ...SEGMENT_START };
    if (this.#end.at === 0) this.#end = this.#places[0];
  }

  /** The batches behind the end go into this segment. One that replaces an empty one takes its place. */
  addSegment(path: string, header: SegmentHeader): void {
    const { at } = this.#end;
    const newest = this.#segments.at(-1);
    let diskAt = newest === undefined ? 0 : this.diskBytes;
    if (newest?.header.baseLsn === header.baseLsn) {
      this.#segments.pop();
      ({ diskAt } = newest);
    }
    this.#segments.push({ path, header, at, diskAt });
    this.#end = { ...this.#end, ...SEGMENT_START };
  }

  /** The segments as recovery found them, once every batch in them is on the map. */
  addSegments(segments: readonly FoundSegment[]): void {
    let [at, diskAt] = [0, 0];
    for (const { path, header, usedBytes, streamBytes } of segments) {
      this.#segments.push({ path, header, at, diskAt });
      at += streamBytes;
      diskAt += usedBytes;
      this.#end = { ...this.#end, offset: usedBytes, left: 0 };
    }
    assert(at === this.#end.at, 'every batch is in a segment');
    // The last write may have been cut: what was known inside of it is wrong.
    this.truncate(this.#end);
  }

  /** The newest segment was copied into a file with another salt; everything is where it was. */
  rewroteNewest(header: SegmentHeader): void {
    const newest = this.#segments.pop();
    assert(newest?.header.baseLsn === header.baseLsn, 'a copy has the place of what it replaces');
    this.#segments.push({ ...newest, header });
  }

  /** The batches of a sealed segment were written anew: they lie elsewhere in its file, which ends at `usedBytes`. */
  rewritten(path: string, header: SegmentHeader, usedBytes: number): void {
    const index = this.#segments.findIndex((held) => held.path === path);
    const [segment, next] = [this.#segments[index], this.#segments[index + 1]];
    assert(segment !== undefined && next !== undefined, 'a sealed segment has a successor');
    const grownBytes = usedBytes - (next.diskAt - segment.diskAt);
    this.#segments = this.#segments.map((held, at) => {
      if (at === index) return { ...held, header };
      return at < index ? held : { ...held, diskAt: held.diskAt + grownBytes };
    });
    this.#places = this.#places.filter(({ at }, i) => i === 0 || at <= segment.at || at >= next.at);
  }

  /** The nearest known place at or before `lsn`; the start, where `lsn` is below it. */
  placeBefore(lsn: number): Place {
    const place =
      lastWhere(this.#places, (known) => known.position.lsn <= lsn) ?? this.#places[0] ?? this.#end;
    // The header of each segment says where its first batch continues.
    const segment = lastWhere(this.#segments, (held) => held.header.baseLsn - 1 <= lsn);
    if (segment === undefined || segment.at <= place.at) return place;
    return startOf(segment);
  }

  /** Where the batches behind `place` are in files: up to the end of its segment, or of what is durable. */
  rangeAfter(place: Place): FileRange | undefined {
    if (place.at >= this.#end.at) return undefined;
    const index = lastIndexWhere(this.#segments, (held) => held.at <= place.at);
    const segment = this.#segments[index];
    assert(segment !== undefined, 'every place lies in a segment');
    const { path, header } = segment;
    // The end of a segment is the beginning of the next one.
    const { offset, left } = segment.at === place.at ? SEGMENT_START : place;
    return { path, header, offset, left, end: this.#endOf(index) };
  }

  /** Just past the last batch of a segment, in its file. */
  #endOf(index: number): number {
    const next = this.#segments[index + 1];
    return next === undefined
      ? this.#end.offset
      : next.diskAt - (this.#segments[index]?.diskAt ?? 0);
  }

  /** What follows `place`, segment by segment. */
  piecesAfter(place: Place): readonly MappedPiece[] {
    const pieces: MappedPiece[] = [];
    let from = place;
    for (let range = this.rangeAfter(from); range !== undefined; range = this.rangeAfter(from)) {
      const { path, offset, left, end } = range;
      const index = this.#segments.findIndex((held) => held.path === path);
      const segment = this.#segments[index];
      const next = this.#segments[index + 1];
      assert(segment !== undefined, 'every range lies in a segment');
      const { position } = from;
      pieces.push({ path, header: segment.header, start: offset, left, end, position });
      if (next === undefined) break;
      from = startOf(next);
    }
    return pieces;
  }

  /** The oldest sealed segment that begins behind `baseLsn`. */
  sealedAfter(baseLsn: number): SealedSegment | undefined {
    const index = 1 + lastIndexWhere(this.#segments, ({ header }) => header.baseLsn <= baseLsn);
    const segment = this.#segments[index];
    const next = this.#segments[index + 1];
    if (segment === undefined || next === undefined) return undefined;
    const { path, header, at } = segment;
    const streamBytes = next.at - at;
    return { path, header, end: this.#endOf(index), streamBytes, last: stateBefore(next.header) };
  }

  /** Base LSN of the newest segment. */
  get newestBase(): number | null {
    return this.#segments.at(-1)?.header.baseLsn ?? null;
  }

  /** The log begins behind `lsn` at the latest: forgets whole segments up to there, never the newest, and returns their paths, oldest first. */
  purge(lsn: number): readonly string[] {
    const kept = Math.max(
      0,
      lastIndexWhere(this.#segments, ({ header }) => header.baseLsn - 1 <= lsn),
    );
    const purged = this.#segments.splice(0, kept);
    const oldest = this.#segments[0];
    if (purged.length === 0 || oldest === undefined) return [];
    const start = startOf(oldest);
    const later = this.#places.filter(({ at }) => at > start.at);
    this.#places = [start, ...later];
    return purged.map(({ path }) => path);
  }

  /** Where the newest segment begins that has at least `bytes` on disk behind its beginning; the start where none has. */
  boundaryBefore(bytes: number): Position {
    const found = lastWhere(this.#segments, ({ diskAt }) => this.diskBytes - diskAt >= bytes);
    return found === undefined ? this.start : stateBefore(found.header);
  }

  /** Nothing is held any more; the log goes on behind `start`. */
  restart(start: Position): void {
    this.#segments = [];
    this.#end = { position: start, at: 0, ...SEGMENT_START };
    this.#places = [this.#end];
  }

  /** The log ends at `end` now. */
  truncate(end: Place): void {
    const { lsn } = end.position;
    this.#segments = this.#segments.filter((held) => held.header.baseLsn - 1 <= lsn);
    // What was known inside of the write that is cut is wrong: it ends here now.
    this.#places = this.#places.filter(({ at, left }) => at + left <= end.at);
    const isAtStart = this.#segments.at(-1)?.at === end.at;
    this.#end = isAtStart ? { ...end, ...SEGMENT_START } : { ...end, left: 0 };
  }

  #thin(): void {
    this.#places = this.#places.filter((_, index) => index % 2 === 0);
    this.#stepBytes *= 2;
  }
}

function startOf({ header, at }: MappedSegment): Place {
  return { position: stateBefore(header), at, ...SEGMENT_START };
}

/** The last one that fits, in a sorted list whose front fits and whose rest does not. */
function lastWhere<T>(sorted: readonly T[], fits: (item: T) => boolean): T | undefined {
  return sorted[lastIndexWhere(sorted, fits)];
}

function lastIndexWhere<T>(sorted: readonly T[], fits: (item: T) => boolean): number {
  let low = 0;
  let end = sorted.length;
  while (low < end) {
    const middle = (low + end) >>> 1;
    const item = sorted[middle];
    if (item !== undefined && fits(item)) low = middle + 1;
    else end = middle;
  }
  return low - 1;
}
