/** Drivers that read one segment: its batches, and the tail after them. Reads are large, and each window is checked while the next one is read. */
import type { DiskFile } from '../../ports/disk.ts';
import { type TailEvidence, TailScan, type TailStart } from './evidence.ts';
import { isFill } from './fill-byte.ts';
import { MiB } from '../../ports/units.ts';
import { BLOCK_BYTES, SEGMENT_HEADER_BYTES } from './limits.ts';
import type { Position } from './position.ts';
import { decodeRecord, OP, RecordView } from './record.ts';
import type { ScanEnd } from './scan.ts';
import { decodeSeal, type Seal, SEAL_BYTES } from './seal.ts';
import { type DecodedHeader, type SegmentHeader, stateBefore } from './segment.ts';
import { borderAfter } from './write-header.ts';
import { type BatchVisitor, type Extent, WriteScanner } from './write-scan.ts';

/** Bytes per read. */
export const WINDOW_BYTES = MiB;
/** Space in front of a window, for the unfinished batch of the window before. */
const CARRY_BYTES = MiB;
const TAIL_WINDOW_BYTES = 4 * MiB;

/** End of the batches of a segment; offsets are in the file. */
export interface SegmentEnd {
  readonly kind: ScanEnd['kind'];
  /** Offset of the bad record or write, or of the end. */
  readonly offset: number;
  readonly reason: string;
  readonly last: Position;
  /** Offset just past the last good seal; the end of the segment's header if there is none. */
  readonly lastEnd: number;
  /** Write in which the batches ended; undefined between two writes. */
  readonly write: Extent | undefined;
  /** Number of the last write with a good header; 0 if there is none. */
  readonly number: number;
}

/** Unused return value of a scan that was stopped early; the generator's type requires one. */
export const STOPPED_EARLY: SegmentEnd = {
  kind: 'end',
  offset: 0,
  reason: 'stopped early',
  last: { epoch: 0, lsn: 0, chain: 0 },
  lastEnd: 0,
  write: undefined,
  number: 0,
};

export interface SegmentSource {
  readonly file: DiskFile;
  readonly sizeBytes: number;
  readonly header: SegmentHeader;
}

/** Reads and verifies batches up to the end or a fault, and passes each one to `visit` as soon as it is verified. */
export async function scanSegment(source: SegmentSource, visit: BatchVisitor): Promise<SegmentEnd> {
  const windows = scanWindows(source, visit);
  for (;;) {
    const { done, value } = await windows.next();
    if (done === true) return value;
  }
}

/** Does the same as `scanSegment`, but yields after each window, while the visited batches are still in memory. */
export async function* scanWindows(
  { file, sizeBytes, header }: SegmentSource,
  visit: BatchVisitor,
): AsyncGenerator<void, SegmentEnd, undefined> {
  const position = borderAfter(SEGMENT_HEADER_BYTES);
  const windows = new Windows(file, { position, end: Math.max(position, sizeBytes) });
  try {
    let window = await windows.next(Buffer.alloc(0));
    const start = {
      state: stateBefore(header),
      salt: header.salt,
      offset: SEGMENT_HEADER_BYTES,
      left: 0,
    };
    const scanner = new WriteScanner(start, position - window.start);
    for (;;) {
      const bytes = window.bytes.subarray(0, window.end);
      const end = scanner.run(bytes, visit);
      if (end.kind !== 'end' || windows.atEnd) {
        return segmentEnd({ end, scanner, bytes, base: windows.position - window.end });
      }
      yield;
      const carriedFrom = scanner.neededFrom;
      window = await windows.next(bytes.subarray(carriedFrom));
      scanner.shift(carriedFrom - window.start);
    }
  } finally {
    await windows.settle();
  }
}

/** Describes the end of a scan. `base` is the file offset of the window's first byte. */
function segmentEnd(stopped: {
  readonly end: ScanEnd;
  readonly scanner: WriteScanner;
  readonly bytes: Buffer;
  readonly base: number;
}): SegmentEnd {
  const { end, scanner, bytes, base } = stopped;
  const { before: last, lastEnd, write, number } = scanner;
  const found = { offset: base + end.offset, last, lastEnd, write, number };
  if (end.kind === 'invalid') return { kind: 'invalid', reason: end.reason, ...found };
  if (end.kind === 'end' && (write !== undefined || !isFill(bytes.subarray(end.offset)))) {
    return { kind: 'end', reason: 'the file ends inside a write', ...found };
  }
  // The rest of the last block of a write has no meaning, and a file may end in it.
  const isWhole = end.kind === 'end' && bytes.length <= lastEnd - base;
  return isWhole
    ? { kind: 'end', reason: 'the file ends behind a seal', ...found, offset: lastEnd }
    : { kind: 'fill', reason: 'the end of the log', ...found };
}

interface Window {
  readonly bytes: Buffer;
  /** Start of the carried bytes. */
  readonly start: number;
  readonly end: number;
}

/** Consecutive windows of a file, read one ahead; each begins with the unfinished bytes of the one before. */
class Windows {
  readonly #file: DiskFile;
  #end: number;
  /** File offset of the next byte to hand out. */
  position: number;
  /** File offset of the next read. */
  #ahead: number;
  /** Window handed out last; free when the next one is requested. */
  #current: Buffer | undefined;
  #free: Buffer | undefined;
  /** Bytes in front of a window for carried bytes; 0 if the whole range fits into one window. */
  readonly #carryBytes: number;
  #pending: Promise<{ bytes: Buffer; count: number }> | undefined;

  constructor(file: DiskFile, range: { readonly position: number; readonly end: number }) {
    this.#file = file;
    this.position = range.position;
    this.#ahead = range.position;
    this.#end = range.end;
    this.#carryBytes = range.end - range.position <= WINDOW_BYTES ? 0 : CARRY_BYTES;
  }

  get atEnd(): boolean {
    return this.position >= this.#end;
  }

  /** Returns the next window, after a copy of `rest`, the unfinished bytes of the window before. */
  async next(rest: Buffer): Promise<Window> {
    const wanted = Math.min(WINDOW_BYTES, this.#end - this.position);
    const { bytes, count } = await (this.#pending ?? this.#read());
    this.#pending = undefined;
    this.position += count;
    // A file that is shorter than expected ends here.
    if (count < wanted) this.#end = this.position;
    const window = joined(rest, { bytes, carryBytes: this.#carryBytes, count });
    this.#free = this.#current;
    this.#current = bytes;
    if (!this.atEnd) this.#pending = this.#read();
    return window;
  }

  /** Waits for a pending read that is no longer needed, so that the file can be closed. */
  async settle(): Promise<void> {
    await this.#pending?.catch(() => undefined);
  }

  async #read(): Promise<{ bytes: Buffer; count: number }> {
    const position = this.#ahead;
    const wanted = Math.min(WINDOW_BYTES, this.#end - position);
    // Windows never grow from one to the next, so a free buffer is large enough.
    const bytes = this.#free ?? Buffer.allocUnsafeSlow(this.#carryBytes + wanted);
    this.#free = undefined;
    this.#ahead += wanted;
    const target = bytes.subarray(this.#carryBytes, this.#carryBytes + wanted);
    return { bytes, count: await this.#file.read(target, position) };
  }
}

/** Puts `rest` right before the bytes that were read, in place if there is room. */
function joined(
  rest: Buffer,
  read: { readonly bytes: Buffer; readonly carryBytes: number; readonly count: number },
): Window {
  const { bytes, carryBytes, count } = read;
  const end = carryBytes + count;
  if (rest.length <= carryBytes) {
    rest.copy(bytes, carryBytes - rest.length);
    return { bytes, start: carryBytes - rest.length, end };
  }
  const large = Buffer.allocUnsafeSlow(rest.length + count);
  rest.copy(large);
  bytes.copy(large, rest.length, carryBytes, end);
  return { bytes: large, start: 0, end: large.length };
}

/** Returns the tail that begins right after the header of a segment. */
export function wholeTail(decoded: DecodedHeader, sizeBytes: number): TailStart & { end: number } {
  const header = decoded.kind === 'header' ? decoded.header : undefined;
  return {
    start: borderAfter(SEGMENT_HEADER_BYTES),
    end: sizeBytes,
    salt: header?.salt,
    write: undefined,
    number: 0,
    firstLsn: header?.baseLsn ?? 1,
    lastEnd: Math.min(SEGMENT_HEADER_BYTES, sizeBytes),
  };
}

/** Gathers the evidence in a segment from the bad write on, or from the start of the next write if none is bad. */
export async function scanTail(
  file: DiskFile,
  from: TailStart & { readonly end: number },
): Promise<TailEvidence> {
  const scan = new TailScan(from);
  const { start, end } = from;
  // No larger than needed: large buffers for many small segments would load the garbage collector.
  const wanted = Math.max(BLOCK_BYTES, Math.min(TAIL_WINDOW_BYTES, borderAfter(end - start)));
  const buffer = Buffer.allocUnsafeSlow(wanted);
  for (let position = start; position < end; position += buffer.length) {
    const window = buffer.subarray(0, Math.min(buffer.length, end - position));
    const count = await file.read(window, position);
    scan.add(window.subarray(0, count), position);
    if (count < window.length) break;
  }
  const { lastWrite } = scan;
  const seal = lastWrite === undefined ? undefined : await sealBefore(file, lastWrite.end);
  return scan.finish(seal);
}

/** Reads the seal that ends at `end`; undefined if there is none. */
async function sealBefore(file: DiskFile, end: number): Promise<Seal | undefined> {
  const bytes = Buffer.alloc(SEAL_BYTES);
  const view = new RecordView();
  if ((await file.read(bytes, end - SEAL_BYTES)) < SEAL_BYTES) return undefined;
  if (decodeRecord(bytes, 0, view) !== undefined || view.opByte !== OP.SEAL) return undefined;
  const seal = decodeSeal(view);
  return typeof seal === 'string' ? undefined : seal;
}
