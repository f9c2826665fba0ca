import type { Hello, HistoryEntry } from '../protocol/messages.ts';
import { PROTOCOL_VERSION } from '../protocol/messages.ts';
import type { Position } from '../wal/position.ts';

/** What the leader knows of itself. */
export interface AnsweringLeader {
  readonly epoch: number;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly historyId: string;
  /** Of its whole log, its own leadership last. */
  readonly epochs: readonly HistoryEntry[];
  readonly durable: Position;
  readonly commitLsn: number;
  readonly configHash: string;
  /** The oldest LSN it holds. */
  readonly firstLsn: number;
}

export type HelloAnswer =
  /** Go on behind `lsn`; for `truncate`, the follower cuts everything above it first. */
  | {
      readonly kind: 'continue' | 'truncate';
      readonly lsn: number;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: 'snapshot'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'refuse';
      readonly code: string;
      readonly message: string;
      /** Something that must not be: a person has to look. */
      readonly alarm: boolean;
    }
  | {
      readonly kind: 'step-down';
      readonly why: 'HIGHER_EPOCH' | 'LEADER_LOST_DATA';
      readonly code: string;
      readonly message: string;
    };

/**
 * The one answer to a hello. The fork is where the two epoch histories part (as KIP-101 does it): equal leaderships wrote equal records, so
 * up to the end of the last common one the logs are the same. The caller confirms that by chain.
 */
export function answerHello(leader: AnsweringLeader, hello: Hello): HelloAnswer {
  return strangerFault(leader, hello) ?? epochFault(leader, hello) ?? forkAnswer(leader, hello);
}

function strangerFault(leader: AnsweringLeader, hello: Hello): HelloAnswer | undefined {
  if (hello.protocol !== PROTOCOL_VERSION) {
    return refuse(
      'UNSUPPORTED_VERSION',
      `protocol ${hello.protocol}, expected ${PROTOCOL_VERSION}`,
    );
  }
  if (hello.nodeId === leader.nodeId) {
    return refuse('DUPLICATE_NODE', `the leader itself is ${leader.nodeId}`, true);
  }
  const { clusterId, historyId } = hello;
  if (clusterId !== null && clusterId !== leader.clusterId) {
    return refuse('WRONG_CLUSTER', `cluster ${clusterId}, expected ${leader.clusterId}`);
  }
  if (historyId !== null && historyId !== leader.historyId) {
    return refuse('WRONG_CLUSTER', `history ${historyId}, expected ${leader.historyId}`);
  }
  if (hello.configHash !== leader.configHash) {
    return refuse(
      'CONFIG_MISMATCH',
      'other voters or another quorum than the cluster was born with',
    );
  }
  return undefined;
}

function epochFault(
  { epoch, nodeId, epochs, durable }: AnsweringLeader,
  hello: Hello,
): HelloAnswer | undefined {
  const last = hello.epochs.at(-1);
  const seen = Math.max(hello.promise.epoch, hello.last.epoch, last?.epoch ?? 0);
  if (seen > epoch) {
    const message = `${hello.nodeId} knows of epoch ${seen}, above ${epoch}`;
    return { kind: 'step-down', why: 'HIGHER_EPOCH', code: 'STALE_EPOCH', message };
  }
  for (const theirs of hello.epochs) {
    const ours = epochs.find((entry) => entry.epoch === theirs.epoch);
    if (ours === undefined) continue;
    if (ours.leader === theirs.leader && ours.firstLsn === theirs.firstLsn) continue;
    const message = `epoch ${theirs.epoch} was led by ${theirs.leader} from LSN ${theirs.firstLsn} there, by ${ours.leader} from ${ours.firstLsn} here`;
    return refuse('CHAIN_MISMATCH', message, true);
  }
  // It ships only what it has fsynced: a follower can be ahead of it in its own epoch only if its disk lost something.
  if (last?.epoch === epoch && hello.last.lsn > durable.lsn) {
    const message = `${hello.nodeId} has LSN ${hello.last.lsn} of epoch ${epoch}, ${nodeId} wrote it and has ${durable.lsn}`;
    return { kind: 'step-down', why: 'LEADER_LOST_DATA', code: 'LEADER_LOST_DATA', message };
  }
  return undefined;
}

function forkAnswer(leader: AnsweringLeader, hello: Hello): HelloAnswer {
  const { lsn } = hello.last;
  const fork = forkOf(leader, hello);
  if (fork < hello.commitLsn) {
    const message = `${hello.nodeId} knows LSN ${hello.commitLsn} to be committed, and the logs part at ${fork}`;
    return refuse('CHAIN_MISMATCH', message, true);
  }
  if (fork + 1 < leader.firstLsn) {
    const message = `LSN ${fork + 1} is not held any more, the log begins at ${leader.firstLsn}`;
    return { kind: 'snapshot', code: 'LOG_PURGED', message };
  }
  if (fork === lsn) {
    return { kind: 'continue', lsn, code: 'CONTINUE', message: `continue behind LSN ${lsn}` };
  }
  const message = `the histories part behind LSN ${fork}: ${fork + 1} to ${lsn} are in no later log`;
  return { kind: 'truncate', lsn: fork, code: 'DIVERGED', message };
}

/** The end of the last leadership that both histories have, in the log in which it is shorter; 0 where they share none. */
function forkOf({ epochs, durable }: AnsweringLeader, hello: Hello): number {
  let fork = 0;
  for (const [index, ours] of epochs.entries()) {
    const theirs = hello.epochs[index];
    if (theirs?.epoch !== ours.epoch) break;
    const ourEnd = (epochs[index + 1]?.firstLsn ?? durable.lsn + 1) - 1;
    const theirEnd = (hello.epochs[index + 1]?.firstLsn ?? hello.last.lsn + 1) - 1;
    fork = Math.min(ourEnd, theirEnd);
    if (ourEnd !== theirEnd) break;
  }
  return fork;
}

function refuse(code: string, message: string, alarm = false): HelloAnswer {
  return { kind: 'refuse', code, message, alarm };
}
