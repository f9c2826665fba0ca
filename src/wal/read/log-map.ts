import assert from 'node:assert';
import { KiB } from '../../ports/units.ts';
import { SEGMENT_HEADER_BYTES } from '../format/limits.ts';
import type { Position } from '../format/position.ts';
import { stateBefore } from '../format/segment.ts';
import type { SegmentHeader } from '../format/segment.ts';
import type { BatchPlace } from '../format/write-scan.ts';

/** Initial distance of known places, in bytes of the stream. */
const STEP_BYTES = 64 * KiB;
/** Place just past the header of a segment, before its first write. */
const SEGMENT_START: BatchPlace = { offset: SEGMENT_HEADER_BYTES, left: 0 };
/** Maximum number of known places; at the limit every other one is dropped, and the distance of new ones doubles. */
const PLACES_MAX = 32_768;

/**
 * A place between two batches. `at` counts bytes of the stream: those of all batches before it, which are the same on every node.
 * `offset` and `left` locate it in this node's files, which also hold the headers of writes and fill.
 */
export interface Place extends BatchPlace {
  readonly position: Position;
  readonly at: number;
}

interface MappedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Stream offset of its first batch. */
  readonly at: number;
  /** Bytes on disk of all segments before it. */
  readonly diskAt: number;
}

/** A segment as recovery found it. */
export interface FoundSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Offset just past its last batch, in the file. */
  readonly usedBytes: number;
  /** Bytes of its batches in the stream. */
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

/** A segment that is no longer written to: its used part never changes. */
export interface SealedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Offset just past its last batch, in the file. */
  readonly end: number;
  /** Bytes of its batches in the stream. */
  readonly streamBytes: number;
  /** End of its last batch. */
  readonly last: Position;
}

/** A range of a segment file that begins and ends between two batches. */
export interface FileRange extends BatchPlace {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly end: number;
}

/**
 * Sparse map from LSNs to places in files: enough to find any LSN by reading a bounded stretch of one file.
 * The map has durable batches only.
 */
export class LogMap {
  #segments: MappedSegment[] = [];
  #places: Place[] = [];
  #stepBytes = STEP_BYTES;
  #end: Place;

  /** Creates the map of a log that begins at `start`. */
  constructor(start: Position) {
    this.#end = { position: start, at: 0, ...SEGMENT_START };
    this.#places.push(this.#end);
  }

  /** End of the durable log. */
  get end(): Place {
    return this.#end;
  }

  /** Bytes on disk of all segments that have been part of the log since this process opened it, up to its end. */
  get diskBytes(): number {
    return this.#diskAt(this.#end);
  }

  /** Approximate number of these bytes after `lsn`: exact to the distance between known places. */
  diskBytesAfter(lsn: number): number {
    if (lsn >= this.#end.position.lsn) return 0;
    return this.diskBytes - this.#diskAt(this.placeBefore(lsn));
  }

  #diskAt(place: Place): number {
    const segment = lastWhere(this.#segments, (held) => held.at <= place.at);
    if (segment === undefined) return 0;
    return segment.diskAt + (segment.at === place.at ? SEGMENT_HEADER_BYTES : place.offset);
  }

  /** Position just before the oldest record held. */
  get start(): Position {
    return (this.#places[0] ?? this.#end).position;
  }

  get segments(): readonly { readonly path: string; readonly header: SegmentHeader }[] {
    return this.#segments;
  }

  /** Adds a durable batch of `bytes` at the end; it ends at `last`, and at `place` in its file. */
  addBatch(bytes: number, last: Position, place: BatchPlace): void {
    const { offset, left } = place;
    const end = { position: last, at: this.#end.at + bytes, offset, left };
    const known = this.#places.at(-1)?.at ?? 0;
    if (end.at - known >= this.#stepBytes) this.#places.push(end);
    if (this.#places.length > PLACES_MAX) this.#thin();
    this.#end = end;
  }

  /** Sets the start of the log, which was not known when the first batch was added. */
  beginAt(start: Position): void {
    this.#places[0] = { position: start, at: 0, ...SEGMENT_START };
    if (this.#end.at === 0) this.#end = this.#places[0];
  }

  /** Adds the segment for the next batches. It replaces an empty segment with the same base LSN. */
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

  /** Adds the segments that recovery found, after all of their batches have been added. */
  addSegments(segments: readonly FoundSegment[]): void {
    let [at, diskAt] = [0, 0];
    for (const { path, header, usedBytes, streamBytes } of segments) {
      this.#segments.push({ path, header, at, diskAt });
      at += streamBytes;
      diskAt += usedBytes;
      this.#end = { ...this.#end, offset: usedBytes, left: 0 };
    }
    assert(at === this.#end.at, 'every batch is in a segment');
    // The last write may have been cut: known places inside it are wrong.
    this.truncate(this.#end);
  }

  /** Sets the header of the newest segment after a copy with another salt; all offsets stay the same. */
  rewroteNewest(header: SegmentHeader): void {
    const newest = this.#segments.pop();
    assert(newest?.header.baseLsn === header.baseLsn, 'a copy has the place of what it replaces');
    this.#segments.push({ ...newest, header });
  }

  /** Updates a sealed segment whose batches were rewritten at other offsets; its file now ends at `usedBytes`. */
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

  /** Nearest known place at or before `lsn`; the start if `lsn` is below it. */
  placeBefore(lsn: number): Place {
    const place =
      lastWhere(this.#places, (known) => known.position.lsn <= lsn) ?? this.#places[0] ?? this.#end;
    // The header of each segment gives the position of its first batch.
    const segment = lastWhere(this.#segments, (held) => held.header.baseLsn - 1 <= lsn);
    if (segment === undefined || segment.at <= place.at) return place;
    return startOf(segment);
  }

  /** File range of the batches after `place`, up to the end of its segment or of the durable log. */
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

  /** File offset just past the last batch of a segment. */
  #endOf(index: number): number {
    const next = this.#segments[index + 1];
    return next === undefined
      ? this.#end.offset
      : next.diskAt - (this.#segments[index]?.diskAt ?? 0);
  }

  /** Pieces of the log after `place`, one per segment. */
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

  /** Oldest sealed segment with a base LSN above `baseLsn`. */
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

  /** Forgets whole segments at or below `lsn`, never the newest, and returns their paths, oldest first. */
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

  /** Start of the newest segment from which the log has at least `bytes` on disk; the start of the log if there is none. */
  boundaryBefore(bytes: number): Position {
    const found = lastWhere(this.#segments, ({ diskAt }) => this.diskBytes - diskAt >= bytes);
    return found === undefined ? this.start : stateBefore(found.header);
  }

  /** Drops everything; the log continues after `start`. */
  restart(start: Position): void {
    this.#segments = [];
    this.#end = { position: start, at: 0, ...SEGMENT_START };
    this.#places = [this.#end];
  }

  /** Cuts the map at `end`, the new end of the log. */
  truncate(end: Place): void {
    const { lsn } = end.position;
    this.#segments = this.#segments.filter((held) => held.header.baseLsn - 1 <= lsn);
    // Known places inside the cut write are wrong: the write ends here now.
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

/** Last item that fits, in a list where all fitting items come first. */
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
