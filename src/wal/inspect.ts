/** Reads a whole log once and gathers the evidence that the recovery table wants. Changes nothing, and decides nothing. */
import type { Disk } from '../ports/disk.ts';
import type { TailEvidence } from './evidence.ts';
import { SEGMENT_HEADER_BYTES } from './limits.ts';
import type { Meta } from './meta.ts';
import type { EpochEntry } from './position.ts';
import { followedIn, type LaterSegment, type RecoveryEvidence } from './recovery.ts';
import { type LogState, UNKNOWN_OP } from './scan.ts';
import { firstChain, type Seal } from './seal.ts';
import {
  decodeSegmentHeader,
  parseSegmentName,
  segmentName,
  type SegmentHeader,
  stateBefore,
  TEMPORARY_SUFFIX,
} from './segment.ts';
import { type BatchVisitor, scanSegment, scanTail, type SegmentEnd } from './segment-scan.ts';
import { headerStop, type Stop } from './stop.ts';

/** A segment, as far as it is good. */
export interface GoodSegment {
  readonly name: string;
  readonly header: SegmentHeader;
  /** The header and whole batches. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
  /** Below the base LSN where it holds nothing. */
  readonly lastLsn: number;
}

export interface Inspection {
  /** Oldest first, up to where the log ends. */
  readonly segments: readonly GoodSegment[];
  /** Names of segments from which nothing can be kept, oldest first. */
  readonly rejected: readonly string[];
  /** Names of files that were being made. */
  readonly temporary: readonly string[];
  /** At the last good seal. */
  readonly state: LogState;
  readonly lastSeal: Seal | undefined;
  readonly epochs: readonly EpochEntry[];
  /** Highest commitLsn in any seal. */
  readonly knownCommitLsn: number;
  readonly clusterId: string | undefined;
  readonly evidence: RecoveryEvidence;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

export interface InspectOptions {
  readonly disk: Disk;
  /** The directory of the segments. */
  readonly dir: string;
  readonly meta: Meta;
  readonly nodeId: string;
  /** The log must hold this LSN. */
  readonly neededFromLsn: number;
  /** Called once for each good batch, in order. */
  readonly visit: BatchVisitor;
}

/** @throws WalshipError DISK_FAILED. */
export function inspect(options: InspectOptions): Promise<Inspection> {
  return new Inspector(options).run();
}

class Inspector {
  readonly #options: InspectOptions;
  readonly #segments: GoodSegment[] = [];
  readonly #epochs: EpochEntry[] = [];
  #names: readonly string[] = [];
  #clusterId: string | undefined;
  #state: LogState;
  #lastSeal: Seal | undefined;
  #knownCommitLsn = 0;
  #batches = 0;
  #records = 0;
  #bytes = 0;

  constructor(options: InspectOptions) {
    this.#options = options;
    const { clusterId } = options.meta;
    this.#clusterId = clusterId ?? undefined;
    const chain = clusterId === null ? 0 : firstChain(Buffer.from(clusterId, 'hex'));
    this.#state = { epoch: 0, lsn: 0, chain };
  }

  async run(): Promise<Inspection> {
    const { disk, dir, meta } = this.#options;
    const files = await disk.list(dir);
    this.#names = files.filter((name) => parseSegmentName(name) !== undefined);
    let index = 0;
    let stop: Stop = { ending: 'none', offset: 0, reason: 'an empty log' };
    for (; index < this.#names.length; index += 1) {
      const found = await this.#readSegment(index);
      if (found !== undefined) {
        stop = found;
        break;
      }
    }
    stop = this.#checkNewest(stop);
    const kept = stop.rejected === true ? index : index + 1;
    const rejected = this.#names.slice(kept);
    const segment = this.#names[index] ?? segmentName(meta.newestSegment ?? 1);
    return {
      segments: this.#segments,
      rejected,
      temporary: files.filter((file) => file.endsWith(TEMPORARY_SUFFIX)),
      state: this.#state,
      lastSeal: this.#lastSeal,
      epochs: this.#epochs,
      knownCommitLsn: this.#knownCommitLsn,
      clusterId: this.#clusterId,
      evidence: await this.#evidence({ segment, stop, rejected }),
      batches: this.#batches,
      records: this.#records,
      bytes: this.#bytes,
    };
  }

  /** Undefined where the log goes on in the next segment. */
  async #readSegment(index: number): Promise<Stop | undefined> {
    const { disk, dir, neededFromLsn } = this.#options;
    const name = this.#names[index] as string;
    const file = await disk.open(`${dir}/${name}`, 'read');
    try {
      const sizeBytes = await file.size();
      const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const decoded = decodeSegmentHeader(head.subarray(0, await file.read(head, 0)));
      const state = index === 0 ? undefined : this.#state;
      const clusterId = this.#clusterId;
      const stop = headerStop(decoded, { name, clusterId, state, neededFromLsn });
      if (stop !== undefined || decoded.kind !== 'header') return stop;
      const { header } = decoded;
      this.#clusterId = header.clusterId;
      this.#state = stateBefore(header);
      const end = await scanSegment({ file, sizeBytes, state: this.#state }, this.#visit);
      this.#state = end.last;
      const { last, lastEnd } = end;
      this.#segments.push({ name, header, usedBytes: lastEnd, sizeBytes, lastLsn: last.lsn });
      if (await this.#goesOn(index, end.last)) return undefined;
      // Trimmed or clean, but not continued: then the next header says what is wrong.
      const hasNext = index < this.#names.length - 1;
      if (end.lastEnd === sizeBytes) return hasNext ? undefined : this.#trimmed(end);
      const tail = await scanTail(file, { start: lastEnd, end: sizeBytes, last });
      const stopped = stopOf(end, { tail, sizeBytes });
      return hasNext && stopped.ending === 'fill' ? undefined : stopped;
    } finally {
      await file.close();
    }
  }

  readonly #visit: BatchVisitor = (batch, bytes) => {
    this.#batches += 1;
    this.#records += batch.seal.count;
    this.#bytes += batch.end - batch.offset;
    this.#lastSeal = batch.seal;
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, batch.seal.commitLsn);
    if (batch.epochStart !== undefined) this.#epochs.push(batch.epochStart);
    this.#options.visit(batch, bytes);
  };

  /**
   * Whether the next segment's header continues `last`. Its chain proves that nothing is missing in between, whatever stands behind the
   * last seal here: where power was lost during a trim, a file system leaves zeros there instead of the fill.
   */
  async #goesOn(index: number, last: LogState): Promise<boolean> {
    const { disk, dir, neededFromLsn } = this.#options;
    const name = this.#names[index + 1];
    if (name === undefined) return false;
    const file = await disk.open(`${dir}/${name}`, 'read');
    try {
      const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const decoded = decodeSegmentHeader(head.subarray(0, await file.read(head, 0)));
      const clusterId = this.#clusterId;
      return headerStop(decoded, { name, clusterId, state: last, neededFromLsn }) === undefined;
    } finally {
      await file.close();
    }
  }

  #trimmed(end: SegmentEnd): Stop {
    const reason = 'the segment was trimmed, so its successor is missing';
    return { ending: 'trimmed', offset: end.offset, reason, missingLsn: end.last.lsn + 1 };
  }

  /** Two more things that only meta.json can tell: a segment that is gone, and a history that is not ours. */
  #checkNewest(stop: Stop): Stop {
    const { newestSegment, historyId } = this.#options.meta;
    if (stop.foreign !== undefined) return stop;
    const foreign =
      historyId !== null && !this.#epochs.some((entry) => entry.historyId === historyId);
    if (foreign && this.#epochs.length > 0) {
      const found = this.#epochs.at(-1)?.historyId ?? '';
      const reason = `history id ${found}, meta.json says ${historyId}`;
      return { ...stop, reason, foreign: 'history' };
    }
    const newest = parseSegmentName(this.#names.at(-1) ?? '') ?? 0;
    if (newestSegment === null || newestSegment <= newest) return stop;
    const reason = `${segmentName(newestSegment)} is missing, which meta.json names as the newest`;
    return { ...stop, reason, missingLsn: stop.missingLsn ?? newestSegment };
  }

  async #evidence(found: {
    readonly segment: string;
    readonly stop: Stop;
    readonly rejected: readonly string[];
  }): Promise<RecoveryEvidence> {
    const { segment, stop, rejected } = found;
    const { nodeId, meta } = this.#options;
    const later: LaterSegment[] = [];
    for (const name of rejected) later.push(await this.#laterSegment(name));
    const { promise } = meta;
    const known = { nodeId, last: this.#state, history: this.#epochs, promise };
    const followed = stop.tail !== undefined && followedIn(stop.tail, known);
    return {
      ending: stop.ending,
      segment,
      offset: stop.offset,
      reason: stop.reason,
      last: this.#state,
      lastEnd: this.#segments.at(-1)?.usedBytes ?? 0,
      tail: stop.tail,
      later,
      missingLsn: stop.missingLsn,
      foreign: stop.foreign,
      followed,
    };
  }

  async #laterSegment(name: string): Promise<LaterSegment> {
    const { disk, dir } = this.#options;
    const file = await disk.open(`${dir}/${name}`, 'read');
    try {
      const sizeBytes = await file.size();
      const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const decoded = decodeSegmentHeader(head.subarray(0, await file.read(head, 0)));
      const start = Math.min(SEGMENT_HEADER_BYTES, sizeBytes);
      const last = decoded.kind === 'header' ? stateBefore(decoded.header) : this.#state;
      const tail = await scanTail(file, { start, end: sizeBytes, last });
      const usedBytes = tail.lastSeal?.end ?? start;
      const clean =
        decoded.kind === 'header' && tail.writtenEnd <= usedBytes && sizeBytes > usedBytes;
      const before = decoded.kind === 'header' ? last : undefined;
      return { name, highest: tail.highest ?? before, clean, writtenEnd: tail.writtenEnd };
    } finally {
      await file.close();
    }
  }
}

/** Where a segment that is not continued by another one ends, and how. */
function stopOf(
  end: SegmentEnd,
  at: { readonly tail: TailEvidence; readonly sizeBytes: number },
): Stop {
  const { offset, reason } = end;
  const { tail, sizeBytes } = at;
  if (end.kind === 'fill') {
    return tail.writtenEnd > end.lastEnd
      ? { ending: 'invalid', offset, reason: 'fill, and written bytes behind it', tail }
      : { ending: 'fill', offset, reason, tail };
  }
  if (end.kind === 'invalid') {
    const foreign = reason.startsWith(UNKNOWN_OP) ? ({ foreign: 'op' } as const) : {};
    return { ending: 'invalid', offset, reason, tail, ...foreign };
  }
  // A length that points beyond the file is no proof that the file was cut: a live segment ends in fill.
  return tail.writtenEnd === sizeBytes
    ? { ending: 'short', offset, reason, tail }
    : { ending: 'invalid', offset, reason: 'a record longer than the rest of the file', tail };
}
