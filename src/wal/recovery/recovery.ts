/**
 * The recovery table: evidence -> row -> decision. Pure: maps evidence to a decision without I/O.
 * The same table is in docs/wal-format.md, and each row's title is the title of its test.
 */
import type { ErrorCode } from '../../errors.ts';
import type { Position, Version } from '../format/position.ts';
import type { TailEvidence } from '../format/evidence.ts';
import type { Claim } from '../format/voter-state.ts';

/** Kind of the end of the good part of the log. */
export type Ending =
  /** Only fill follows from the start of the next write on. */
  | 'fill'
  /** The file ends exactly after a seal, as a trimmed segment does. */
  | 'trimmed'
  /** The file ends inside a write. */
  | 'short'
  /** Bytes that do not continue the log. */
  | 'invalid'
  /** The header of a segment is unreadable or does not continue. */
  | 'header'
  /** No segment exists. */
  | 'none';

export type Foreign = 'cluster' | 'history' | 'format' | 'op';

/** A segment after the last good record. */
export interface LaterSegment {
  readonly name: string;
  /** Highest known version, from its last write or from its header. */
  readonly highest: Version | undefined;
  /** True if its last write ends in a seal, and at least one byte of fill and nothing else follows. */
  readonly clean: boolean;
  /** Offset just past its last byte that is not fill. */
  readonly writtenEnd: number;
}

/** Input of the recovery table. */
export interface RecoveryEvidence {
  readonly ending: Ending;
  /** End of the good part: the segment's file name, and the offset of the bad record. */
  readonly segment: string;
  readonly offset: number;
  /** Fault in words. */
  readonly reason: string;
  /** Position of the last good seal, and its end in that segment. */
  readonly last: Position;
  readonly lastEnd: number;
  readonly tail: TailEvidence | undefined;
  /** Segments after the one where the log ends; they hold later records. */
  readonly later: readonly LaterSegment[];
  /** Set if a segment is known to be missing: its base LSN, or the first LSN that is needed. */
  readonly missingLsn: number | undefined;
  readonly foreign: Foreign | undefined;
}

export type Decision = 'open' | 'cut' | 'save-cut' | 'save-cut-suspect' | 'refuse';

export interface RecoveryRow {
  readonly id: RowId;
  readonly title: string;
  readonly means: string;
  readonly oneVoter: Decision;
  readonly severalVoters: Decision;
}

export type RowId = 'end' | 'torn' | 'short' | 'damage' | 'foreign';

/** The table as data. With one voter, a file that was cut short from outside is saved too, although a warning would do. */
export const RECOVERY_TABLE: readonly RecoveryRow[] = [
  {
    id: 'end',
    title: 'nothing but fill behind the last write, and every next header continues',
    means: 'the end of the log',
    oneVoter: 'open',
    severalVoters: 'open',
  },
  {
    id: 'torn',
    title: 'the write that does not continue is the last one, and a block of it was never written',
    means: 'a torn write that was never acknowledged',
    oneVoter: 'cut',
    severalVoters: 'cut',
  },
  {
    id: 'short',
    title: 'the file itself ends inside the last write',
    means: 'cut short from outside: a live segment has its full size',
    oneVoter: 'save-cut',
    severalVoters: 'save-cut-suspect',
  },
  {
    id: 'damage',
    title:
      'a write that does not continue although all its blocks were written or a later one began, or a missing segment',
    means: 'damage',
    oneVoter: 'refuse',
    severalVoters: 'save-cut-suspect',
  },
  {
    id: 'foreign',
    title: "another cluster's or history's id, a newer format, an unknown op",
    means: 'the wrong directory or the wrong version',
    oneVoter: 'refuse',
    severalVoters: 'refuse',
  },
];

/** Row of the table for the evidence. */
export function rowOf(evidence: RecoveryEvidence): RowId {
  const { ending, tail, later, missingLsn, foreign } = evidence;
  if (foreign !== undefined) return 'foreign';
  if (missingLsn !== undefined) return 'damage';
  if (ending === 'fill' || ending === 'none') return later.length === 0 ? 'end' : 'damage';
  if (ending === 'header' || ending === 'trimmed' || later.length > 0) return 'damage';
  // The next write is not issued before the fsync of the one before has returned.
  if (tail === undefined || tail.laterWrite !== undefined) return 'damage';
  if (ending === 'short') return 'short';
  return tail.hole === undefined ? 'damage' : 'torn';
}

export function decisionOf(
  row: RowId,
  circumstances: { readonly voters: number; readonly onDamage: 'refuse' | 'cut' },
): Decision {
  const found = RECOVERY_TABLE.find((candidate) => candidate.id === row) as RecoveryRow;
  const decision = circumstances.voters > 1 ? found.severalVoters : found.oneVoter;
  // The operator chose to continue from the last good record; that does not make a wrong directory right.
  if (decision === 'refuse' && row === 'damage' && circumstances.onDamage === 'cut') {
    return 'save-cut';
  }
  return decision;
}

/** Highest position that this node may have held before the cut. */
export function claimOf(evidence: RecoveryEvidence): Claim {
  const { ending, tail, later, last, missingLsn } = evidence;
  if (missingLsn !== undefined || ending === 'short' || ending === 'trimmed') return 'unknown';
  const newest = later.at(-1);
  const clean = newest === undefined ? tail?.highest !== undefined && tail.clean : newest.clean;
  if (!clean) return 'unknown';
  const found = [tail?.highest, ...later.map((segment) => segment.highest)];
  let highest: Version = { epoch: last.epoch, lsn: last.lsn };
  for (const version of found) {
    if (version === undefined) continue;
    highest = {
      epoch: Math.max(highest.epoch, version.epoch),
      lsn: Math.max(highest.lsn, version.lsn),
    };
  }
  return highest;
}

/** Joins two claims to the higher one: a claim never shrinks while a node is suspect. */
export function joinClaims(a: Claim, b: Claim): Claim {
  if (a === null) return b;
  if (b === null) return a;
  if (a === 'unknown' || b === 'unknown') return 'unknown';
  return { epoch: Math.max(a.epoch, b.epoch), lsn: Math.max(a.lsn, b.lsn) };
}

/** First LSN that is lost, and the last one that is known to have existed. */
export function goneLsns(evidence: RecoveryEvidence): { from: number; to: number | 'unknown' } {
  const claim = claimOf(evidence);
  const from = evidence.last.lsn + 1;
  return { from, to: claim === null || claim === 'unknown' ? 'unknown' : claim.lsn };
}

export function describeGone(evidence: RecoveryEvidence): string {
  const { from, to } = goneLsns(evidence);
  if (to !== 'unknown') return to > from ? `LSNs ${from} to ${to}` : `LSN ${from}`;
  const known = [evidence.tail?.highest, ...evidence.later.map((segment) => segment.highest)];
  // Everything before the last write was durable.
  const before = (evidence.tail?.lastWrite?.firstLsn ?? 0) - 1;
  const lsn = Math.max(before, ...known.map((version) => version?.lsn ?? 0));
  return lsn > from ? `LSNs ${from} to at least ${lsn}` : `everything from LSN ${from} on`;
}

const FOREIGN_CODES: Record<Foreign, ErrorCode> = {
  cluster: 'WRONG_CLUSTER',
  history: 'WRONG_CLUSTER',
  format: 'UNSUPPORTED_VERSION',
  op: 'UNSUPPORTED_VERSION',
};

/** Code and message of a refusal. */
export function refusalOf(evidence: RecoveryEvidence): { code: ErrorCode; message: string } {
  const { segment, offset, reason, last, missingLsn, foreign } = evidence;
  const place = `${segment} at offset ${offset}`;
  if (foreign !== undefined) {
    const advice =
      foreign === 'format' || foreign === 'op'
        ? 'start a newer walship on this directory'
        : 'this is the directory of another cluster: check --data';
    return { code: FOREIGN_CODES[foreign], message: `${place}: ${reason}; ${advice}` };
  }
  const good = last.lsn === 0 ? 'no record is good' : `the last good LSN is ${last.lsn}`;
  const wayOut =
    'restore the segment from a backup, or continue without them: walship log repair keeps a copy, ' +
    'and so does a start with --on-damage cut';
  const message = `${place}: ${reason}; ${good}, lost: ${describeGone(evidence)}; ${wayOut}`;
  return { code: missingLsn === undefined ? 'WAL_CORRUPT' : 'SEGMENT_MISSING', message };
}

/** Hint for a refusal: a remedy, with a command that is not refused in turn. */
export function refusalHint(
  { foreign }: Pick<RecoveryEvidence, 'foreign'>,
  { dir, voters }: { readonly dir: string; readonly voters: number },
): string {
  if (foreign === undefined) {
    return `walship log repair ${dir} saves the rest and continues from the last good record; so does a start with --on-damage cut`;
  }
  if (foreign === 'format' || foreign === 'op') return 'start a newer walship on this directory';
  const empty = `start with the right directory, or move ${dir} away and start with an empty one`;
  return voters > 1
    ? `${empty}: the other voters fill it`
    : `${empty}; walship log export ${dir} prints the keys that are in this one`;
}

/** The warning that goes with a cut. */
export function warningOf(
  row: RowId,
  evidence: RecoveryEvidence,
): { code: string; message: string } {
  const { segment, offset, reason, last } = evidence;
  const place = `${segment} at offset ${offset}: ${reason}`;
  if (row === 'torn') {
    return {
      code: 'TORN_WRITE_CUT',
      message: `${place}; an incomplete write that was never acknowledged was cut after LSN ${last.lsn}`,
    };
  }
  const code = row === 'short' ? 'LOG_CUT_SHORT' : 'LOG_DAMAGE_CUT';
  return {
    code,
    message: `${place}; cut after LSN ${last.lsn}, gone from this node: ${describeGone(evidence)}`,
  };
}
