import assert from 'node:assert';
import { KiB, SEGMENT_HEADER_BYTES } from './limits.ts';
import type { Position } from './position.ts';
import { stateBefore } from './segment.ts';
import type { SegmentHeader } from './segment.ts';

/** How far apart the known places are at first, in bytes of log. */
const STEP_BYTES = 64 * KiB;
/** Places kept; at the bound every other one is forgotten, and new ones are twice as far apart. */
const PLACES_MAX = 32_768;

/**
 * A place between two batches. `at` counts the bytes of all batches held before it, as if they were in one file: so
 * nothing here depends on where segments begin.
 */
export interface Place {
  readonly position: Position;
  readonly at: number;
}

interface MappedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** The place of its first batch. */
  readonly at: number;
}

/** A part of a segment, and the position just before it. */
export interface MappedPiece {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly start: number;
  readonly end: number;
  readonly position: Position;
}

/** A segment that is not written to any more: what is used of it never changes again. */
export interface SealedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Just past its last batch, in the file. */
  readonly end: number;
  /** The end of its last batch. */
  readonly last: Position;
}

/** Where to read: a range of a segment file that holds whole batches. */
export interface FileRange {
  readonly path: string;
  readonly offset: number;
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
    this.#end = { position: start, at: 0 };
    this.#places.push(this.#end);
  }

  /** The end of what is durable. */
  get end(): Place {
    return this.#end;
  }

  /** Just before the oldest record held. */
  get start(): Position {
    return (this.#places[0] ?? this.#end).position;
  }

  get segments(): readonly { readonly path: string; readonly header: SegmentHeader }[] {
    return this.#segments;
  }

  /** A batch of `bytes` that ends at `last` is durable behind what was. */
  addBatch(bytes: number, last: Position): void {
    const end = { position: last, at: this.#end.at + bytes };
    const known = this.#places.at(-1)?.at ?? 0;
    if (end.at - known >= this.#stepBytes) this.#places.push(end);
    if (this.#places.length > PLACES_MAX) this.#thin();
    this.#end = end;
  }

  /** What was mapped so far continues `start`, which was not known when the first batch was added. */
  beginAt(start: Position): void {
    this.#places[0] = { position: start, at: 0 };
    if (this.#end.at === 0) this.#end = { position: start, at: 0 };
  }

  /** The batches behind the end go into this segment. One that replaces an empty one takes its place. */
  addSegment(path: string, header: SegmentHeader): void {
    this.addSegmentAt(path, header, this.#end.at);
  }

  /** As recovery found it: `at` is where its first batch lies. */
  addSegmentAt(path: string, header: SegmentHeader, at: number): void {
    const newest = this.#segments.at(-1);
    if (newest?.header.baseLsn === header.baseLsn) this.#segments.pop();
    assert(newest === undefined || newest.at <= at, 'segments follow each other');
    this.#segments.push({ path, header, at });
  }

  /** The nearest known place at or before `lsn`; the start, where `lsn` is below it. */
  placeBefore(lsn: number): Place {
    const place =
      lastWhere(this.#places, (known) => known.position.lsn <= lsn) ?? this.#places[0] ?? this.#end;
    // The header of each segment says where its first batch continues.
    const segment = lastWhere(this.#segments, (held) => held.header.baseLsn - 1 <= lsn);
    if (segment === undefined || segment.at <= place.at) return place;
    return { position: stateBefore(segment.header), at: segment.at };
  }

  /** Where the batches behind `place` are in files: up to the end of its segment, or of what is durable. */
  rangeAfter(place: Place): FileRange | undefined {
    if (place.at >= this.#end.at) return undefined;
    const index = lastIndexWhere(this.#segments, (held) => held.at <= place.at);
    const segment = this.#segments[index];
    assert(segment !== undefined, 'every place lies in a segment');
    const endAt = Math.min(this.#segments[index + 1]?.at ?? this.#end.at, this.#end.at);
    return {
      path: segment.path,
      offset: SEGMENT_HEADER_BYTES + place.at - segment.at,
      end: SEGMENT_HEADER_BYTES + endAt - segment.at,
    };
  }

  /** What follows `place`, segment by segment. */
  piecesAfter(place: Place): readonly MappedPiece[] {
    const pieces: MappedPiece[] = [];
    let from = place;
    for (let range = this.rangeAfter(from); range !== undefined; range = this.rangeAfter(from)) {
      const { path, offset, end } = range;
      const index = this.#segments.findIndex((held) => held.path === path);
      const segment = this.#segments[index];
      const next = this.#segments[index + 1];
      assert(segment !== undefined, 'every range lies in a segment');
      pieces.push({ path, header: segment.header, start: offset, end, position: from.position });
      if (next === undefined) break;
      from = { position: stateBefore(next.header), at: next.at };
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
    const end = SEGMENT_HEADER_BYTES + next.at - at;
    return { path, header, end, last: stateBefore(next.header) };
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
    const start = { position: stateBefore(oldest.header), at: oldest.at };
    const later = this.#places.filter(({ at }) => at > start.at);
    this.#places = [start, ...later];
    return purged.map(({ path }) => path);
  }

  /** Where the newest segment begins that has at least `bytes` of log behind its beginning; the start where none has. */
  boundaryBefore(bytes: number): Position {
    const found = lastWhere(this.#segments, ({ at }) => this.#end.at - at >= bytes);
    return found === undefined ? this.start : stateBefore(found.header);
  }

  /** Nothing is held any more; the log goes on behind `start`. */
  restart(start: Position): void {
    this.#segments = [];
    this.#end = { position: start, at: 0 };
    this.#places = [this.#end];
  }

  /** The log ends at `end` now. */
  truncate(end: Place): void {
    const { lsn } = end.position;
    this.#places = this.#places.filter((known) => known.position.lsn <= lsn);
    this.#segments = this.#segments.filter((held) => held.header.baseLsn - 1 <= lsn);
    this.#end = end;
  }

  #thin(): void {
    this.#places = this.#places.filter((_, index) => index % 2 === 0);
    this.#stepBytes *= 2;
  }
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
