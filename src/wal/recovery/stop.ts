/** Rules for where a log stops: the stop inside one segment, and the check that a header continues the segment before. Pure. */
import type { TailEvidence } from '../format/evidence.ts';
import type { Ending, Foreign } from './recovery.ts';
import type { Position } from '../format/position.ts';
import type { LogState } from '../format/scan.ts';
import { firstChain } from '../format/seal.ts';
import { snapshotName } from '../snapshot/snapshot-format.ts';
import {
  type DecodedHeader,
  parseSegmentName,
  SEGMENT_FORMAT,
  type SegmentHeader,
} from '../format/segment.ts';

export interface Stop {
  readonly ending: Ending;
  /** Offset in the segment: of the bad record, or of the end. */
  readonly offset: number;
  readonly reason: string;
  readonly foreign?: Foreign;
  readonly missingLsn?: number;
  readonly tail?: TailEvidence;
  /** True if nothing of the stopping segment itself is kept. */
  readonly rejected?: boolean;
}

/** Context for the check of a segment's header. */
export interface HeaderContext {
  readonly name: string;
  readonly clusterId: string | undefined;
  /** State at the end of the segment before; undefined for the first segment. */
  readonly state: LogState | undefined;
  /** LSN that the log must include. */
  readonly neededFromLsn: number;
}

/** Returns the stop for a segment that ends exactly after its last write: it was trimmed, so its successor is missing. */
export function trimmedStop({
  offset,
  last,
}: {
  readonly offset: number;
  readonly last: Position;
}): Stop {
  const reason = 'the segment was trimmed, so its successor is missing';
  return { ending: 'trimmed', offset, reason, missingLsn: last.lsn + 1 };
}

/** Returns the stop for a log that ends at `lsn` while its replacing snapshot is missing or damaged: later acknowledged records may be lost. */
export function halfReplacedStop(
  stop: Stop,
  { lsn, replacedBy }: { readonly lsn: number; readonly replacedBy: number },
): Stop {
  const reason = `${snapshotName(replacedBy)} is missing or damaged, which was taking the place of the log`;
  return { ...stop, reason, missingLsn: stop.missingLsn ?? lsn + 1 };
}

const AT_HEADER = { ending: 'header', offset: 0, rejected: true } as const;

/** Returns the stop at a header that does not continue the log, or undefined. */
export function headerStop(decoded: DecodedHeader, context: HeaderContext): Stop | undefined {
  if (decoded.kind === 'newer') {
    const reason = `segment format ${decoded.format}, this walship knows ${SEGMENT_FORMAT}`;
    return { ...AT_HEADER, reason, foreign: 'format' };
  }
  if (decoded.kind === 'invalid') return { ...AT_HEADER, reason: decoded.reason };
  const { header } = decoded;
  const { clusterId, name, state } = context;
  if (clusterId !== undefined && header.clusterId !== clusterId) {
    const reason = `cluster id ${header.clusterId}, expected ${clusterId}`;
    return { ...AT_HEADER, reason, foreign: 'cluster' };
  }
  if (header.baseLsn !== parseSegmentName(name)) {
    return { ...AT_HEADER, reason: `base LSN ${header.baseLsn}, the file's name says another` };
  }
  return state === undefined ? firstStop(header, context.neededFromLsn) : nextStop(header, state);
}

function firstStop(header: SegmentHeader, neededFromLsn: number): Stop | undefined {
  if (header.baseLsn > neededFromLsn) {
    const reason = `the log begins with LSN ${header.baseLsn}, the segment with LSN ${neededFromLsn} is missing`;
    return { ...AT_HEADER, reason, missingLsn: neededFromLsn };
  }
  const chain = firstChain(Buffer.from(header.clusterId, 'hex'));
  if (header.baseLsn === 1 && (header.epoch !== 0 || header.chain !== chain)) {
    return { ...AT_HEADER, reason: 'a first segment that does not begin with the first chain' };
  }
  return undefined;
}

function nextStop(header: SegmentHeader, state: LogState): Stop | undefined {
  const { lsn, epoch, chain } = state;
  if (header.baseLsn > lsn + 1) {
    const reason = `the segment begins with LSN ${header.baseLsn}, the one with LSN ${lsn + 1} is missing`;
    return { ...AT_HEADER, reason, missingLsn: lsn + 1 };
  }
  if (header.baseLsn !== lsn + 1 || header.epoch !== epoch || header.chain !== chain) {
    return { ...AT_HEADER, reason: `a header that does not continue LSN ${lsn}` };
  }
  return undefined;
}
