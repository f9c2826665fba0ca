import type { SpanView } from '../wal/format/history-spans.ts';
import type { Position, Version } from '../wal/format/position.ts';

/**
 * What nodes say to each other over `/v1/replicate`. The first message of a link decides what it is for: `hello` opens a
 * replication session (follower to leader), `ask` puts the question of leadership to a voter (candidate to voter), `fetch` asks for a
 * stretch of log in place of one that was damaged, and `identify` asks who answers at an address.
 *
 * Versions of the protocol:
 * - 1: the first.
 */
export const PROTOCOL_VERSION = 1;

/** A node's fsynced word to follow no epoch below `epoch`. One made by following carries no candidate and no attempt. */
export interface EpochPromise {
  readonly epoch: number;
  readonly candidate: string | null;
  /** 32 hexadecimal digits, fresh for every attempt to lead. */
  readonly attempt: string | null;
}

export type VoterState = 'intact' | 'suspect' | 'blank';

/** The highest position a suspect may ever have held; null where nothing is claimed. */
export type Claim = Version | 'unknown' | null;

/** Everything a follower knows of itself, in one message. */
export interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  /** 32 hexadecimal digits; null while the node is blank. */
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly nodeId: string;
  /** One run of one process: 32 hexadecimal digits. */
  readonly run: string;
  /** Who wrote its log, oldest first: the last HISTORY_ENTRIES_MAX spans. */
  readonly epochs: readonly HistoryEntry[];
  /** Number of older ones that were left out. */
  readonly epochsBefore: number;
  readonly last: Position;
  /** The highest LSN it knows to be committed. */
  readonly commitLsn: number;
  /** Its log can be cut to here and no lower: what is below has become part of a snapshot, with what came up to here. */
  readonly lowestCutLsn: number;
  readonly promise: EpochPromise;
  readonly state: VoterState;
  /** Of voters and quorum; see `configHash`. */
  readonly configHash: string;
  /** An operator let this node leave its history: whatever it has beside the leader's may be cut. */
  readonly discard: boolean;
}

/** Voters and W. */
export interface VotersAndQuorum {
  readonly voters: readonly string[];
  readonly quorum: number;
}

export type HistoryEntry = SpanView;

/** The leader's one answer to a hello. */
export interface Answer {
  readonly kind: 'answer';
  /** `truncate`: cut to `at`, then go on from there. `continue`: go on from `at`. */
  readonly verdict: 'continue' | 'truncate' | 'snapshot' | 'refuse';
  readonly code: string;
  /** One sentence in plain words. */
  readonly message: string;
  /** The leadership that answers; on a refusal the highest epoch the node knows. */
  readonly epoch: number;
  /** Who leads, as far as the answering node knows. */
  readonly leader: string | null;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly at: Position;
  readonly commitLsn: number;
  /** By which the cluster goes; null on a refusal. */
  readonly config: VotersAndQuorum | null;
}

/** Follower to leader: how far it is. The last three are for people, and for the choice of whom to hand over to. */
export interface Ack {
  readonly kind: 'ack';
  readonly epoch: number;
  readonly durableLsn: number;
  /** At `durableLsn`. */
  readonly chain: number;
  readonly receivedLsn: number;
  readonly appliedLsn: number;
  /** Its disk takes another segment. */
  readonly writable: boolean;
}

/** Leader to follower: do you still follow this epoch? Numbers only grow within a session. */
export interface Probe {
  readonly kind: 'probe';
  readonly epoch: number;
  readonly number: number;
}

export interface ProbeAnswer {
  readonly kind: 'probed';
  readonly epoch: number;
  readonly number: number;
}

/** Leader to a suspect or blank follower: the rule is met, become intact in this epoch. */
export interface BecomeIntact {
  readonly kind: 'intact';
  readonly epoch: number;
  /** What the follower has to be durable up to, with its chain in the leader's log. */
  readonly at: Position;
}

/** Follower to leader: state and promise are fsynced. */
export interface BecameIntact {
  readonly kind: 'is-intact';
  readonly epoch: number;
}

/** Leader to follower, in a switchover: stand for the next epoch. Writes are paused, and `at` is the end of the leader's log. */
export interface HandOver {
  readonly kind: 'hand-over';
  readonly epoch: number;
  readonly at: Position;
}

/** Follower to leader: it did not take the lead over, and changed nothing. */
export interface Declined {
  readonly kind: 'declined';
  readonly epoch: number;
  readonly code: string;
  readonly message: string;
}

/** Leader to follower, right behind an answer with the verdict `snapshot`: what it is. Its start is the answer's `at`. */
export interface SnapshotOffer {
  readonly kind: 'offer';
  readonly epoch: number;
  /** SHA-256, as 64 hexadecimal digits: identifies the file. */
  readonly digest: string;
  readonly bytes: number;
  /** The state is right once the log up to here is replayed over it. */
  readonly endLsn: number;
}

/** Follower to leader: send it, from this offset on; what is below has come already. */
export interface SnapshotWant {
  readonly kind: 'want';
  readonly epoch: number;
  readonly digest: string;
  readonly offset: number;
}

/** Follower to leader: everything below `offset` was taken in; also a sign of life while it is being installed. */
export interface SnapshotGot {
  readonly kind: 'got';
  readonly epoch: number;
  readonly offset: number;
}

/** Candidate to voter. */
export interface Ask {
  readonly kind: 'ask';
  readonly protocol: number;
  /** `dry` changes nothing; `real` fences and promises; `confirm` asks whether that very promise still holds. */
  readonly round: 'dry' | 'real' | 'confirm';
  readonly epoch: number;
  readonly candidate: string;
  /** Of the candidate's process: another one may claim the same node id. */
  readonly run: string;
  readonly attempt: string;
  /** The candidate's own durable position. */
  readonly position: Position;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly configHash: string;
  /** A person asked for it: a live leader is no reason to refuse. */
  readonly operator: boolean;
  /** A forced failover: what it goes on with, in a new history whose id is this attempt. */
  readonly forced: VotersAndQuorum | null;
}

/** Voter to candidate. */
export interface AskReply {
  readonly kind: 'reply';
  readonly round: Ask['round'];
  readonly attempt: string;
  readonly nodeId: string;
  readonly run: string;
  /** Dry: would promise. Real: has fsynced the promise. Confirm: still holds it. */
  readonly granted: boolean;
  readonly code: string;
  readonly message: string;
  readonly promise: EpochPromise;
  /** The last birth of a cluster that this blank voter confirmed; null for any other. */
  readonly birth: EpochPromise | null;
  readonly position: Position;
  readonly state: VoterState;
  readonly claim: Claim;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  /** Who leads, as far as the voter knows. */
  readonly leader: string | null;
}

/**
 * To any node that may hold the same log: send what follows `after`, whole batches up to a frame or a piece of a larger one, as a frame. Opens
 * a link, on which any number of these come one after the other. A node that cannot closes the link with the reason.
 */
export interface Fetch {
  readonly kind: 'fetch';
  readonly protocol: number;
  readonly clusterId: string;
  readonly after: Position;
  readonly pieceIndex: number;
}

export interface Identify {
  readonly kind: 'identify';
}

export interface Identity {
  readonly kind: 'identity';
  readonly nodeId: string;
  readonly run: string;
  /** The lowest epoch that it still takes part in. */
  readonly fence: number;
  /** The end of its durable log. */
  readonly last: Version;
}

export type ControlMessage =
  | Hello
  | Answer
  | Ack
  | Probe
  | ProbeAnswer
  | BecomeIntact
  | BecameIntact
  | HandOver
  | Declined
  | SnapshotOffer
  | SnapshotWant
  | SnapshotGot
  | Ask
  | AskReply
  | Fetch
  | Identify
  | Identity;

/**
 * Leader to follower: raw whole batches, exactly as they lie in the log, or one numbered piece of a batch that is larger than
 * a frame. Without bytes it is a heartbeat.
 */
export interface Frame {
  readonly kind: 'frame';
  readonly epoch: number;
  readonly commitLsn: number;
  /** Just before the first byte of the batch or batches. */
  readonly previous: Position;
  /** 0-based; 0 of 1 for whole batches. */
  readonly pieceIndex: number;
  readonly pieceCount: number;
  /** Aliases the received message. */
  readonly bytes: Buffer;
}

/** Leader to follower: bytes of the snapshot file that was offered. */
export interface SnapshotPiece {
  readonly kind: 'piece';
  readonly epoch: number;
  /** Of the first byte, in the file. */
  readonly offset: number;
  /** Aliases the received message; 1 to FRAME_BYTES_MAX. */
  readonly bytes: Buffer;
}

export type Message = ControlMessage | Frame | SnapshotPiece;

/** Whole batches are put together up to this size; a larger batch goes in pieces of it. */
export const FRAME_BYTES_MAX = 256 * 1024;
/** A control message; none that a node sends comes near it. */
export const CONTROL_BYTES_MAX = 1024 * 1024;
/** Spans of a history that a hello carries. */
export const HISTORY_ENTRIES_MAX = 256;
