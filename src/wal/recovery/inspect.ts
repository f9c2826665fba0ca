/** Reads a whole log once and gathers the evidence for the recovery table. Changes nothing, and decides nothing. */
import { readingOver, type UnreadableBlocks } from '../files/unreadable.ts';
import type { Disk } from '../../ports/disk.ts';
import type { TailEvidence } from '../format/evidence.ts';
import { SEGMENT_HEADER_BYTES } from '../format/limits.ts';
import type { Meta } from '../files/meta.ts';
import { type EpochSpan, isWhole, joinSpans, newestOf } from '../format/history-spans.ts';
import type { LogBase } from '../format/log-base.ts';
import { type EpochEntry, samePosition } from '../format/position.ts';
import type { LaterSegment, RecoveryEvidence } from './recovery.ts';
import { type BatchInfo, type LogState, UNKNOWN_OP } from '../format/scan.ts';
import { firstChain, type Seal } from '../format/seal.ts';
import {
  parseSegmentName,
  segmentName,
  type SegmentHeader,
  stateBefore,
  TEMPORARY_SUFFIX,
} from '../format/segment.ts';
import {
  scanSegment,
  scanTail,
  type SegmentEnd,
  type SegmentSource,
  wholeTail,
} from '../format/segment-scan.ts';
import { readSegmentHeader } from '../format/segment-copy.ts';
import { halfReplacedStop, headerStop, type Stop, trimmedStop } from './stop.ts';
import { endOfSeal, type SealPlace } from '../format/seal-place.ts';
import { borderAfter } from '../format/write-header.ts';
import type { BatchPlace, BatchVisitor } from '../format/write-scan.ts';

/** The good part of a segment. */
export interface GoodSegment {
  readonly name: string;
  readonly header: SegmentHeader;
  /** File offset just past its last good batch; the end of the segment's header if there is none. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
  /** Bytes of its good batches in the stream. */
  readonly streamBytes: number;
  /** Number of its last write with a good header; 0 if there is none. */
  readonly number: number;
  /** Last LSN; below the base LSN if the segment is empty. */
  readonly lastLsn: number;
}

export interface Inspection {
  /** Segments of the log, oldest first. */
  readonly segments: readonly GoodSegment[];
  /** Names of segments from which nothing can be kept, oldest first. */
  readonly rejected: readonly string[];
  /** Names of segments that are damaged below the start of the snapshot, and of those before them; oldest first. */
  readonly stale: readonly string[];
  /** False if the log does not reach the snapshot's start, or differs from the snapshot there. */
  readonly joins: boolean;
  /** Place at which the needed log begins inside a segment that is damaged below the snapshot's start; `evidence` then describes that damage. */
  readonly rest: (SealPlace & { readonly name: string }) | undefined;
  /** Names of unfinished files. */
  readonly temporary: readonly string[];
  /** State at the last good seal. */
  readonly state: LogState;
  readonly lastSeal: Seal | undefined;
  readonly epochs: readonly EpochSpan[];
  /** Highest commitLsn in any seal. */
  readonly knownCommitLsn: number;
  readonly clusterId: string | undefined;
  readonly evidence: RecoveryEvidence;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

/** A good batch, and the bytes that hold it; the bytes are reused after the call. */
export interface VisitedBatch {
  readonly batch: BatchInfo;
  readonly bytes: Buffer;
  readonly place: BatchPlace;
  /** True if the snapshot does not include the batch. */
  readonly needed: boolean;
}

export interface InspectOptions {
  readonly disk: Disk;
  /** The directory of the segments. */
  readonly dir: string;
  readonly meta: Meta;
  /** Number of voters, at least 1. */
  readonly voters: number;
  /** Snapshot that covers everything before the log; without one the log must begin with LSN 1. */
  readonly base?: LogBase | undefined;
  /** Called for each good batch, in order. */
  readonly visit: (visited: VisitedBatch) => void;
  /** Called to discard the batches visited so far, which are below the snapshot and before damage: the log begins with the next batch. */
  readonly restarted?: () => void;
}

/** Inspects a log. @throws WalshipError DISK_FAILED. */
export function inspect(options: InspectOptions): Promise<Inspection> {
  const unreadable = new Map<string, UnreadableBlocks>();
  const disk = readingOver(options.disk, (blocks) => unreadable.set(blocks.path, blocks));
  return new Inspector({ ...options, disk }, unreadable).run();
}

class Inspector {
  readonly #options: InspectOptions;
  /** Unreadable blocks that were read over, by the path of their segment. */
  readonly #unreadable: ReadonlyMap<string, UnreadableBlocks>;
  #segments: GoodSegment[] = [];
  readonly #epochs: EpochEntry[] = [];
  #stale: readonly string[] = [];
  #joins: boolean;
  #rest: Inspection['rest'];
  #names: readonly string[] = [];
  #clusterId: string | undefined;
  #state: LogState;
  #lastSeal: Seal | undefined;
  #knownCommitLsn = 0;
  #batches = 0;
  #records = 0;
  #bytes = 0;

  constructor(options: InspectOptions, unreadable: ReadonlyMap<string, UnreadableBlocks>) {
    this.#unreadable = unreadable;
    this.#options = options;
    const { clusterId } = options.meta;
    this.#clusterId = clusterId ?? undefined;
    const chain = clusterId === null ? 0 : firstChain(Buffer.from(clusterId, 'hex'));
    this.#state = { epoch: 0, lsn: 0, chain };
    this.#joins = options.base === undefined;
  }

  get #neededFromLsn(): number {
    return (this.#options.base?.start.lsn ?? 0) + 1;
  }

  async run(): Promise<Inspection> {
    const { disk, dir, meta } = this.#options;
    const files = await disk.list(dir);
    this.#names = files.filter((name) => parseSegmentName(name) !== undefined);
    let index = 0;
    let stop: Stop = { ending: 'none', offset: 0, reason: 'an empty log' };
    while (index < this.#names.length) {
      const found = await this.#readSegment(index);
      const next = found === undefined ? index + 1 : await this.#beyond(index, found);
      if (found !== undefined && next === undefined) {
        stop = found;
        break;
      }
      index = next ?? index;
    }
    stop = this.#checkNewest(stop);
    const kept = stop.rejected === true ? index : index + 1;
    const rejected = this.#names.slice(kept);
    const segment = this.#names[index] ?? segmentName(meta.newestSegment ?? 1);
    return {
      segments: this.#segments,
      rejected,
      stale: this.#stale,
      joins: this.#joins,
      rest: this.#rest,
      temporary: files.filter((file) => file.endsWith(TEMPORARY_SUFFIX)),
      state: this.#state,
      lastSeal: this.#lastSeal,
      epochs: this.#history,
      knownCommitLsn: this.#knownCommitLsn,
      clusterId: this.#clusterId,
      evidence: await this.#evidence({ segment, stop, rejected }),
      batches: this.#batches,
      records: this.#records,
      bytes: this.#bytes,
    };
  }

  /** Reads one segment; undefined if the log continues in the next segment. */
  async #readSegment(index: number): Promise<Stop | undefined> {
    const { disk, dir } = this.#options;
    const name = this.#names[index] as string;
    const file = await disk.open(`${dir}/${name}`, 'read');
    try {
      const sizeBytes = await file.size();
      const decoded = await readSegmentHeader(file);
      const state = this.#segments.length === 0 ? undefined : this.#state;
      const clusterId = this.#clusterId;
      const neededFromLsn = this.#neededFromLsn;
      const stop = headerStop(decoded, { name, clusterId, state, neededFromLsn });
      if (stop !== undefined || decoded.kind !== 'header') return stop;
      const { header } = decoded;
      this.#clusterId = header.clusterId;
      this.#state = stateBefore(header);
      this.#meet(this.#state);
      const end = await this.#scan(name, { file, sizeBytes, header });
      return await this.#endOf(index, { file, sizeBytes, header, end });
    } finally {
      await file.close();
    }
  }

  async #scan(name: string, source: SegmentSource): Promise<SegmentEnd> {
    const bytesBefore = this.#bytes;
    const end = await scanSegment(source, this.#visit);
    this.#state = end.last;
    const { sizeBytes, header } = source;
    const { last, lastEnd, number } = end;
    const streamBytes = this.#bytes - bytesBefore;
    const used = { usedBytes: lastEnd, streamBytes, number };
    this.#segments.push({ name, header, sizeBytes, ...used, lastLsn: last.lsn });
    return end;
  }

  async #endOf(
    index: number,
    scanned: SegmentSource & { readonly end: SegmentEnd },
  ): Promise<Stop | undefined> {
    const { file, sizeBytes, header, end } = scanned;
    const { last, lastEnd, write, number } = end;
    if (await this.#goesOn(index, end.last)) return undefined;
    // Trimmed or clean, but not continued: then the next header shows the fault.
    const hasNext = index < this.#names.length - 1;
    if (end.lastEnd === sizeBytes) return hasNext ? undefined : trimmedStop(end);
    const start = write?.start ?? borderAfter(lastEnd);
    const from = { start, end: sizeBytes, salt: header.salt, write, number, lastEnd };
    const tail = await scanTail(file, { ...from, firstLsn: last.lsn + 1 });
    const stopped = stopOf(end, tail);
    return hasNext && stopped.ending === 'fill' ? undefined : stopped;
  }

  /**
   * Index of the segment at which reading continues although the log stopped: below the snapshot's start, its records are not needed.
   * Undefined if the stop is not below it, or if the needed part cannot be separated from the damaged part.
   */
  async #beyond(index: number, stop: Stop): Promise<number | undefined> {
    const { base, disk, dir } = this.#options;
    if (base === undefined || stop.foreign !== undefined || this.#joins) return undefined;
    if (this.#state.lsn >= base.start.lsn) return undefined;
    // A good header that does not continue the log may begin the needed part; a damaged header may not.
    const next = stop.ending === 'header' && this.#segments.length > 0 ? index : index + 1;
    const nextBase = parseSegmentName(this.#names[next] ?? '') ?? Infinity;
    if (nextBase <= base.start.lsn + 1) {
      this.#restart(next);
      return next;
    }
    const name = this.#names[index] as string;
    const found = await endOfSeal(disk, `${dir}/${name}`, base.start);
    if (found === undefined) return undefined;
    this.#stale = this.#names.slice(0, index + 1);
    this.#rest = { name, ...found };
    return undefined;
  }

  /** Begins the log at the segment with this index; the segments before it are not needed. */
  #restart(index: number): void {
    this.#stale = this.#names.slice(0, index);
    this.#segments = [];
    this.#options.restarted?.();
  }

  /** Compares the log with the start of the snapshot if the log has just reached that LSN. */
  #meet(state: LogState): void {
    const { base } = this.#options;
    if (base !== undefined && state.lsn === base.start.lsn) {
      this.#joins = samePosition(state, base.start);
    }
  }

  get #history(): readonly EpochSpan[] {
    const { base } = this.#options;
    if (base === undefined) return this.#epochs;
    const oldest = this.#segments[0];
    const start = oldest === undefined ? base.start : stateBefore(oldest.header);
    return joinSpans(base.epochs, this.#epochs, start);
  }

  readonly #visit: BatchVisitor = (batch, bytes, place) => {
    this.#batches += 1;
    this.#records += batch.seal.count;
    this.#bytes += batch.end - batch.offset;
    this.#lastSeal = batch.seal;
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, batch.seal.commitLsn);
    if (batch.epochStart !== undefined) this.#epochs.push(batch.epochStart);
    this.#meet(batch.last);
    const { base, visit } = this.#options;
    const needed = base === undefined || (this.#joins && batch.first.lsn >= base.start.lsn);
    visit({ batch, bytes, place, needed });
  };

  /**
   * True if the next segment's header continues `last`. Its chain proves that nothing is missing in between, whatever bytes follow the
   * last seal here: after a power loss during a trim, a file system may leave zeros there instead of fill.
   */
  async #goesOn(index: number, last: LogState): Promise<boolean> {
    const { disk, dir } = this.#options;
    const neededFromLsn = this.#neededFromLsn;
    const name = this.#names[index + 1];
    if (name === undefined) return false;
    const file = await disk.open(`${dir}/${name}`, 'read');
    try {
      const decoded = await readSegmentHeader(file);
      const clusterId = this.#clusterId;
      return headerStop(decoded, { name, clusterId, state: last, neededFromLsn }) === undefined;
    } finally {
      await file.close();
    }
  }

  /** Adds three faults that only meta.json reveals: a missing segment, a missing snapshot, and a foreign history. */
  #checkNewest(stop: Stop): Stop {
    const { base } = this.#options;
    const { newestSegment, replacedBy, historyId, joining } = this.#options.meta;
    if (stop.foreign !== undefined) return stop;
    const foreign =
      !joining &&
      historyId !== null &&
      !this.#history.some((span) => isWhole(span) && span.historyId === historyId);
    if (foreign && this.#history.length > 0) {
      const found = newestOf(this.#history)?.historyId ?? '';
      const reason = `history id ${found}, meta.json says ${historyId}`;
      return { ...stop, reason, foreign: 'history' };
    }
    if (replacedBy !== null && base?.start.lsn !== replacedBy) {
      return halfReplacedStop(stop, { lsn: this.#state.lsn, replacedBy });
    }
    const newest = parseSegmentName(this.#names.at(-1) ?? '') ?? 0;
    if (newestSegment === null || newestSegment <= newest) return this.#checkEnd(stop);
    const reason = `${segmentName(newestSegment)} is missing, which meta.json names as the newest`;
    return { ...stop, reason, missingLsn: stop.missingLsn ?? newestSegment };
  }

  /** Requires the log up to the snapshot's end: a snapshot is consistent only with that, and a single voter cannot get it from others. */
  #checkEnd(stop: Stop): Stop {
    const { base, voters } = this.#options;
    const { lsn } = this.#state;
    if (voters > 1 || base === undefined || lsn >= base.endLsn) return stop;
    const reason = `the snapshot of LSN ${base.start.lsn} needs the log up to LSN ${base.endLsn}`;
    return { ...stop, reason, missingLsn: stop.missingLsn ?? lsn + 1 };
  }

  async #evidence(found: {
    readonly segment: string;
    readonly stop: Stop;
    readonly rejected: readonly string[];
  }): Promise<RecoveryEvidence> {
    const { segment, stop, rejected } = found;
    const later: LaterSegment[] = [];
    for (const name of rejected) later.push(await this.#laterSegment(name));
    return {
      ending: stop.ending,
      segment,
      offset: stop.offset,
      reason: stop.reason + this.#readOver(segment),
      last: this.#state,
      lastEnd: this.#segments.at(-1)?.usedBytes ?? 0,
      tail: stop.tail,
      later,
      missingLsn: stop.missingLsn,
      foreign: stop.foreign,
    };
  }

  /** Describes the unreadable blocks of the segment where the log ends, since they are the cause. */
  #readOver(segment: string): string {
    const found = this.#unreadable.get(`${this.#options.dir}/${segment}`);
    if (found === undefined) return '';
    const { count, offset } = found;
    return `; the disk cannot read ${count} of its blocks, the first at offset ${offset}`;
  }

  async #laterSegment(name: string): Promise<LaterSegment> {
    const { disk, dir } = this.#options;
    const file = await disk.open(`${dir}/${name}`, 'read');
    try {
      const sizeBytes = await file.size();
      const decoded = await readSegmentHeader(file);
      const tail = await scanTail(file, wholeTail(decoded, sizeBytes));
      const clean =
        decoded.kind === 'header' &&
        sizeBytes > tail.writtenEnd &&
        (tail.lastWrite === undefined
          ? tail.writtenEnd <= SEGMENT_HEADER_BYTES
          : tail.clean && tail.highest !== undefined);
      const before = decoded.kind === 'header' ? stateBefore(decoded.header) : undefined;
      return { name, highest: tail.highest ?? before, clean, writtenEnd: tail.writtenEnd };
    } finally {
      await file.close();
    }
  }
}

/** Describes the end of a segment that no other segment continues. */
function stopOf({ kind, offset, reason }: SegmentEnd, tail: TailEvidence): Stop {
  if (kind === 'end') return { ending: 'short', offset, reason, tail };
  if (kind === 'fill') {
    return tail.writtenEnd > offset
      ? { ending: 'invalid', offset, reason: 'fill, and written bytes behind it', tail }
      : { ending: 'fill', offset, reason, tail };
  }
  const foreign = reason.startsWith(UNKNOWN_OP) ? ({ foreign: 'op' } as const) : {};
  return { ending: 'invalid', offset, reason, tail, ...foreign };
}
