/**
 * Judges a hello: continue, truncate, load a snapshot, or refuse.
 *
 * One epoch is led once, so an epoch that is in both histories in two ways is no fork but a contradiction: an alarm, never a truncation. The driver
 * confirms the fork by chain.
 */
import { EPOCH_STEP_MAX } from '../protocol/limits.ts';
import { PROTOCOL_VERSION } from '../protocol/messages.ts';
import type { Hello, HistoryEntry, Identity } from '../protocol/messages.ts';
import { isStranger } from '../protocol/stranger.ts';
import { findFork } from './find-fork.ts';
import { comparePositions } from '../wal/format/position.ts';
import type { Position } from '../wal/format/position.ts';

export interface AnsweringLeader {
  readonly epoch: number;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly historyId: string;
  /** Node ids. */
  readonly voters: readonly string[];
  /** History entries of the leader's whole log, its own epoch included, oldest first. */
  readonly epochs: readonly HistoryEntry[];
  readonly durable: Position;
  readonly commitLsn: number;
  readonly configHash: string;
  /** Oldest LSN that the leader's log still holds. */
  readonly firstLsn: number;
}

export type HelloAnswer =
  | {
      /** `truncate`: cut to `lsn` first. `snapshot`: the log no longer reaches back to `lsn`. */
      readonly kind: 'continue' | 'truncate' | 'snapshot';
      /** LSN of the fork: both logs are equal up to it. */
      readonly lsn: number;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly kind: 'refuse';
      readonly code: string;
      readonly message: string;
      /** True where something happened that must never happen: an operator has to look. */
      readonly alarm: boolean;
    }
  | {
      readonly kind: 'step-down';
      readonly why: 'HIGHER_EPOCH' | 'LEADER_LOST_DATA';
      readonly code: string;
      readonly message: string;
      /** Claim that counts only if the process at that voter's own address says the same: see `isProven`. */
      readonly claim?: Claimed;
    };

/** A voter's statement about itself that would harm more than this leadership if it were made up. */
export interface Claimed {
  readonly epoch: number;
  /** Claimed LSN; null where only the epoch matters. */
  readonly lsn: number | null;
}

/** Returns true if the process at the voter's own address is the one that said hello, and says the same of itself. */
export function isProven(hello: Hello, claim: Claimed, found: Identity | undefined): boolean {
  if (found === undefined || found.nodeId !== hello.nodeId || found.run !== hello.run) return false;
  const { epoch, lsn } = claim;
  return lsn === null ? found.fence >= epoch : comparePositions(found.last, { epoch, lsn }) >= 0;
}

export function answerHello(leader: AnsweringLeader, hello: Hello): HelloAnswer {
  return (
    judgeIdentity(leader, hello) ??
    judgeShape(hello) ??
    judgeEpochs(leader, hello) ??
    judgeFork(leader, hello)
  );
}

function judgeIdentity(leader: AnsweringLeader, hello: Hello): HelloAnswer | undefined {
  if (hello.protocol !== PROTOCOL_VERSION) {
    return refuse('UNSUPPORTED_VERSION', `protocol ${hello.protocol}, not ${PROTOCOL_VERSION}`);
  }
  if (hello.clusterId !== null && hello.clusterId !== leader.clusterId) {
    return refuse('WRONG_CLUSTER', `cluster ${hello.clusterId}, this is ${leader.clusterId}`);
  }
  const comesOver = mayComeOver(leader, hello);
  if (!comesOver && hello.historyId !== null && hello.historyId !== leader.historyId) {
    const message = `history ${hello.historyId}, this is ${leader.historyId}; walship rejoin --discard lets ${hello.nodeId} join and saves its other records`;
    return refuse('WRONG_CLUSTER', message);
  }
  if (!comesOver && hello.configHash !== leader.configHash) {
    return refuse('CONFIG_MISMATCH', 'it was started with other voters or another quorum');
  }
  if (hello.nodeId === leader.nodeId) {
    return alarm('DUPLICATE_NODE', `another process calls itself ${leader.nodeId} too`);
  }
  return undefined;
}

/**
 * Returns true if a node of another history may join this one: it promised to the very attempt that began it, or an
 * operator sent it.
 */
function mayComeOver(leader: AnsweringLeader, { historyId, promise, discard }: Hello): boolean {
  return historyId !== leader.historyId && (discard || promise.attempt === leader.historyId);
}

/** Checks that a hello is consistent with itself, before it is compared with anything. */
function judgeShape({ epochs, last }: Hello): HelloAnswer | undefined {
  const newest = epochs.at(-1);
  if (newest?.epoch === null) return refuse('PROTOCOL_ERROR', 'a hello that forgot its own epoch');
  const agrees =
    newest === undefined
      ? last.lsn === 0
      : last.epoch === newest.epoch && last.lsn >= newest.firstLsn;
  if (agrees) return undefined;
  return refuse('PROTOCOL_ERROR', 'a hello whose epoch history and position do not agree');
}

function judgeEpochs(leader: AnsweringLeader, hello: Hello): HelloAnswer | undefined {
  // Epochs count within one history: the epochs of a log to be cut say nothing about this leadership.
  if (hello.discard && hello.historyId !== leader.historyId) return undefined;
  const written = hello.discard ? 0 : (hello.epochs.at(-1)?.epoch ?? 0);
  const theirs = Math.max(hello.promise.epoch, written);
  if (theirs <= leader.epoch) return undefined;
  const message = `${hello.nodeId} knows epoch ${theirs}, this leader has epoch ${leader.epoch}`;
  if (isStranger(hello.nodeId, leader.voters)) return strangerAhead(message);
  const isFar = theirs > leader.epoch + EPOCH_STEP_MAX;
  return {
    kind: 'step-down',
    why: 'HIGHER_EPOCH',
    code: 'STALE_EPOCH',
    message,
    ...(isFar && { claim: { epoch: theirs, lsn: null } }),
  };
}

function judgeFork(leader: AnsweringLeader, hello: Hello): HelloAnswer {
  const { last, nodeId, epochs, epochsBefore } = hello;
  const fork = findFork(
    { epochs: leader.epochs, lastLsn: leader.durable.lsn, epochsBefore: 0 },
    { epochs, lastLsn: last.lsn, epochsBefore },
    hello.discard,
  );
  if (fork.kind === 'contradiction') {
    const message = `epoch ${fork.epoch} began elsewhere or under another leader in the log of ${nodeId}`;
    return alarm('CHAIN_MISMATCH', message);
  }
  // Records are shipped only after the leader's own fsync, so nobody can have more of its epoch than it has.
  if (!hello.discard && last.epoch === leader.epoch && last.lsn > leader.durable.lsn) {
    const message = `${nodeId} has LSN ${last.lsn} of epoch ${leader.epoch}, and its leader only ${leader.durable.lsn}`;
    if (isStranger(nodeId, leader.voters)) return strangerAhead(message);
    const claim = { epoch: last.epoch, lsn: last.lsn };
    return { kind: 'step-down', why: 'LEADER_LOST_DATA', code: 'LEADER_LOST_DATA', message, claim };
  }
  if (fork.kind === 'unknown') {
    const message = `the log of ${nodeId} belongs to epochs that one of the two nodes no longer knows; it ends at LSN ${last.lsn}, and this log begins at ${leader.firstLsn}`;
    return { kind: 'snapshot', lsn: 0, code: 'PURGED', message };
  }
  const { lsn } = fork;
  // A lagging follower knows of commits above its own end: the question is whether it would have to cut a committed
  // record.
  const committed = Math.min(hello.commitLsn, last.lsn);
  if (committed > lsn && !hello.discard) {
    const message = `${nodeId} knows LSN ${committed} to be committed, and the logs fork at ${lsn}`;
    return alarm('CHAIN_MISMATCH', message);
  }
  if (lsn < leader.firstLsn - 1) {
    const message = `the log begins at LSN ${leader.firstLsn}, and ${nodeId} needs it from ${lsn + 1}`;
    return { kind: 'snapshot', lsn, code: 'PURGED', message };
  }
  if (lsn < hello.lowestCutLsn && (hello.discard || hello.historyId !== leader.historyId)) {
    const message = `the logs fork at LSN ${lsn}, and the snapshots of ${nodeId} hold what came up to ${hello.lowestCutLsn}`;
    return { kind: 'snapshot', lsn, code: 'PURGED', message };
  }
  if (lsn < last.lsn) {
    const message = `LSN ${lsn + 1} to ${last.lsn} are not in the log of the leader`;
    return { kind: 'truncate', lsn, code: 'DIVERGENT_TAIL', message };
  }
  return { kind: 'continue', lsn, code: 'OK', message: `go on from LSN ${lsn}` };
}

/**
 * Raises an alarm only: no leader needs the promise of a node without a vote, so its words prove nothing about this
 * leadership.
 */
function strangerAhead(message: string): HelloAnswer {
  return alarm('NOT_A_VOTER', `${message}; ignored, because it is not a voter`);
}

function refuse(code: string, message: string): HelloAnswer {
  return { kind: 'refuse', code, message, alarm: false };
}

function alarm(code: string, message: string): HelloAnswer {
  return { kind: 'refuse', code, message, alarm: true };
}

/**
 * Returns true if a follower that continues from its own end has another chain there. A follower that has to cut
 * compares the chains itself.
 */
export function differs(answer: HelloAnswer, hello: Hello, ours: Position): boolean {
  return answer.kind === 'continue' && answer.lsn > 0 && hello.last.chain !== ours.chain;
}
