/** Drivers that read one segment: its batches, and the tail behind them. Reads are large, and the next one runs while this one is checked. */
import type { DiskFile } from '../ports/disk.ts';
import { type TailEvidence, TailScan } from './evidence.ts';
import { BLOCK_BYTES, MiB, SEGMENT_HEADER_BYTES } from './limits.ts';
import type { Position } from './position.ts';
import { type BatchInfo, BatchScanner, type LogState, type ScanEnd } from './scan.ts';

/** So much is read at once. */
export const WINDOW_BYTES = MiB;
/** A batch that does not end within its window is carried into the room before the next one. */
const CARRY_BYTES = MiB;
const TAIL_WINDOW_BYTES = 4 * MiB;

/** How the batches of a segment ended; offsets are in the file. */
export interface SegmentEnd {
  readonly kind: ScanEnd['kind'];
  /** Of the record that does not continue, or of the end. */
  readonly offset: number;
  readonly reason: string;
  readonly last: Position;
  /** Just past the last good seal. */
  readonly lastEnd: number;
}

/** What a scan that was broken off returns, since a generator needs a value of its type: nobody looks at it. */
export const STOPPED_EARLY: SegmentEnd = {
  kind: 'end',
  offset: 0,
  reason: 'stopped early',
  last: { epoch: 0, lsn: 0, chain: 0 },
  lastEnd: 0,
};

/** A batch, with the bytes of the window that it lies in; they are reused after the call. */
export type BatchVisitor = (batch: BatchInfo, bytes: Buffer) => void;

export interface SegmentSource {
  readonly file: DiskFile;
  readonly sizeBytes: number;
  /** The state at `startOffset`: just past the header, unless said otherwise. */
  readonly state: LogState;
  readonly startOffset?: number;
}

/** Reads and verifies batches until something ends them, and hands each one to `visit` as soon as it is verified. */
export async function scanSegment(source: SegmentSource, visit: BatchVisitor): Promise<SegmentEnd> {
  const windows = scanWindows(source, visit);
  for (;;) {
    const { done, value } = await windows.next();
    if (done === true) return value;
  }
}

/** As `scanSegment`, but pauses behind each window, where what was visited is still in memory. */
export async function* scanWindows(
  source: SegmentSource,
  visit: BatchVisitor,
): AsyncGenerator<void, SegmentEnd, undefined> {
  const start = source.startOffset ?? SEGMENT_HEADER_BYTES;
  const windows = new Windows(source.file, { position: start, end: source.sizeBytes });
  try {
    let window = await windows.next(Buffer.alloc(0));
    const scanner = new BatchScanner(source.state, window.start);
    for (;;) {
      const bytes = window.bytes.subarray(0, window.end);
      const end = scanner.run(bytes, (batch) => visit(batch, bytes));
      if (end.kind !== 'end' || windows.atEnd) {
        return segmentEnd(end, scanner, windows.position - window.end);
      }
      yield;
      const carriedFrom = scanner.batchOffset;
      window = await windows.next(bytes.subarray(carriedFrom));
      scanner.shift(carriedFrom - window.start);
    }
  } finally {
    await windows.settle();
  }
}

/** `base` is where the window's first byte lies in the file. */
function segmentEnd(end: ScanEnd, scanner: BatchScanner, base: number): SegmentEnd {
  const unfinished = end.offset !== scanner.batchOffset || scanner.state.count > 0;
  return {
    kind: end.kind === 'fill' && unfinished ? 'invalid' : end.kind,
    offset: base + end.offset,
    reason: reasonOf(end, unfinished),
    last: scanner.before,
    lastEnd: base + scanner.batchOffset,
  };
}

function reasonOf(end: ScanEnd, unfinished: boolean): string {
  if (end.kind === 'invalid') return end.reason;
  if (end.kind === 'fill') {
    return unfinished ? 'the fill byte inside a batch' : 'the end of the log';
  }
  return unfinished ? 'the file ends inside a batch' : 'the file ends behind a seal';
}

interface Window {
  readonly bytes: Buffer;
  /** Where what was carried begins. */
  readonly start: number;
  readonly end: number;
}

/** Consecutive pieces of a file, read one ahead; each begins with what the one before left unfinished. */
class Windows {
  readonly #file: DiskFile;
  #end: number;
  /** Of the next byte to hand out. */
  position: number;
  /** Where the read ahead goes on. */
  #ahead: number;
  /** The window handed out last, until the next one is asked for; then it is free. */
  #current: Buffer | undefined;
  #free: Buffer | undefined;
  /** None where all fits into one window. */
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

  /** The next window, behind a copy of `rest`, which lies in the window before. */
  async next(rest: Buffer): Promise<Window> {
    const wanted = Math.min(WINDOW_BYTES, this.#end - this.position);
    const { bytes, count } = await (this.#pending ?? this.#read());
    this.#pending = undefined;
    this.position += count;
    // A file that turns out to be shorter ends there.
    if (count < wanted) this.#end = this.position;
    const window = joined(rest, { bytes, carryBytes: this.#carryBytes, count });
    this.#free = this.#current;
    this.#current = bytes;
    if (!this.atEnd) this.#pending = this.#read();
    return window;
  }

  /** Waits for a read that nobody needs any more, so that the file can be closed. */
  async settle(): Promise<void> {
    await this.#pending?.catch(() => undefined);
  }

  async #read(): Promise<{ bytes: Buffer; count: number }> {
    const position = this.#ahead;
    const wanted = Math.min(WINDOW_BYTES, this.#end - position);
    // What is read never grows from one window to the next, so a free one is large enough.
    const bytes = this.#free ?? Buffer.allocUnsafeSlow(this.#carryBytes + wanted);
    this.#free = undefined;
    this.#ahead += wanted;
    const target = bytes.subarray(this.#carryBytes, this.#carryBytes + wanted);
    return { bytes, count: await this.#file.read(target, position) };
  }
}

/** Puts `rest` right before the bytes that were read, in place where there is room. */
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

/** Gathers what stands behind the last good seal of a segment. */
export async function scanTail(
  file: DiskFile,
  range: { readonly start: number; readonly end: number; readonly last: Position },
): Promise<TailEvidence> {
  const scan = new TailScan(range.start, range.last);
  // No larger than needed: many small segments would otherwise keep the garbage collector busy.
  const wanted = Math.min(TAIL_WINDOW_BYTES, range.end - range.start + BLOCK_BYTES);
  const buffer = Buffer.allocUnsafeSlow(Math.ceil(wanted / BLOCK_BYTES) * BLOCK_BYTES);
  let position = range.start;
  while (position < range.end) {
    // Windows end at borders of blocks, so that a block is judged whole.
    const border = buffer.length - (position % buffer.length);
    const window = buffer.subarray(0, Math.min(border, range.end - position));
    const count = await file.read(window, position);
    scan.add(window.subarray(0, count), position);
    if (count < window.length) break;
    position += count;
  }
  return scan.finish();
}
