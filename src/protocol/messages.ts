import type { SpanView } from '../wal/format/history-spans.ts';
import type { Position, Version } from '../wal/format/position.ts';
import type { Claim, EpochPromise, VoterState } from '../wal/format/voter-state.ts';

/**
 * Messages between nodes over `/v1/replicate`. The first message of a link decides its purpose: `hello` opens a
 * replication session (follower to leader), `ask` asks a voter for its promise in an election (candidate to voter), `fetch` asks
 * for a stretch of log to replace a damaged one, and `identify` asks for the identity of the node at an address.
 *
 * Versions of the protocol:
 * - 1: the first.
 */
export const PROTOCOL_VERSION = 1;

/** State of a follower, sent when it opens a session. */
export interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  /** 32 hexadecimal digits; null while the node is blank. */
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly nodeId: string;
  /** Id of one run of one process: 32 hexadecimal digits. */
  readonly run: string;
  /** Leaderships that wrote its log, oldest first: the last HISTORY_ENTRIES_MAX spans. */
  readonly epochs: readonly HistoryEntry[];
  /** Number of older spans that were left out. */
  readonly epochsBefore: number;
  readonly last: Position;
  /** Highest LSN that the follower knows to be committed. */
  readonly commitLsn: number;
  /** Lowest LSN that its log can be truncated to: everything up to this LSN may be part of a snapshot. */
  readonly lowestCutLsn: number;
  readonly promise: EpochPromise;
  readonly state: VoterState;
  /** Hash of voters and quorum; see `configHash`. */
  readonly configHash: string;
  /** True if an operator allowed this node to leave its history: records that the leader does not have may be cut. */
  readonly discard: boolean;
}

/** Voters and quorum W of a cluster. */
export interface VotersAndQuorum {
  readonly voters: readonly string[];
  readonly quorum: number;
}

export type HistoryEntry = SpanView;

/** The leader's one answer to a hello. */
export interface Answer {
  readonly kind: 'answer';
  /** `continue`: replicate from `at`. `truncate`: cut the log to `at`, then replicate from there. `snapshot`: an offer follows. */
  readonly verdict: 'continue' | 'truncate' | 'snapshot' | 'refuse';
  readonly code: string;
  /** One sentence in plain words. */
  readonly message: string;
  /** Epoch of the answering leader; on a refusal the highest epoch that the node knows. */
  readonly epoch: number;
  /** Current leader, as far as the answering node knows. */
  readonly leader: string | null;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly at: Position;
  readonly commitLsn: number;
  /** Voters and quorum of the cluster; null on a refusal. */
  readonly config: VotersAndQuorum | null;
}

/** Follower to leader: progress. The last three fields are for display and for the choice of a switchover target. */
export interface Ack {
  readonly kind: 'ack';
  readonly epoch: number;
  readonly durableLsn: number;
  /** Chain at `durableLsn`. */
  readonly chain: number;
  readonly receivedLsn: number;
  readonly appliedLsn: number;
  /** True if its disk can take another segment. */
  readonly writable: boolean;
}

/** Leader to follower: asks if it still follows this epoch. Numbers only grow within a session. */
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

/** Leader to a suspect or blank follower: orders it to become intact in this epoch, since the rule for that is met. */
export interface BecomeIntact {
  readonly kind: 'intact';
  readonly epoch: number;
  /** Position that the follower must have made durable, with the chain of the leader's log. */
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

/** Follower to leader: refuses a hand-over; nothing has changed. */
export interface Declined {
  readonly kind: 'declined';
  readonly epoch: number;
  readonly code: string;
  readonly message: string;
}

/** Leader to follower, right after an answer with the verdict `snapshot`: describes the snapshot. Its start is the answer's `at`. */
export interface SnapshotOffer {
  readonly kind: 'offer';
  readonly epoch: number;
  /** SHA-256 of the file, as 64 hexadecimal digits; identifies the snapshot. */
  readonly digest: string;
  readonly bytes: number;
  /** LSN up to which the log must be replayed over the snapshot before the state is consistent. */
  readonly endLsn: number;
}

/** Follower to leader: asks for the snapshot from this offset on; the follower has the bytes below. */
export interface SnapshotWant {
  readonly kind: 'want';
  readonly epoch: number;
  readonly digest: string;
  readonly offset: number;
}

/** Follower to leader: has taken all bytes below `offset`; also a sign of life during the installation. */
export interface SnapshotGot {
  readonly kind: 'got';
  readonly epoch: number;
  readonly offset: number;
}

/** Candidate to voter: asks for a promise. */
export interface Ask {
  readonly kind: 'ask';
  readonly protocol: number;
  /** `dry` changes nothing; `real` fences and promises; `confirm` asks if exactly that promise still holds. */
  readonly round: 'dry' | 'real' | 'confirm';
  readonly epoch: number;
  readonly candidate: string;
  /** Run of the candidate's process: another process may use the same node id. */
  readonly run: string;
  readonly attempt: string;
  /** The candidate's own durable position. */
  readonly position: Position;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly configHash: string;
  /** True if an operator started the attempt: then a live leader is no reason to refuse. */
  readonly operator: boolean;
  /** Voters and quorum after a forced failover, in a new history whose id is this attempt; null for any other attempt. */
  readonly forced: VotersAndQuorum | null;
}

/** Voter to candidate: answers an ask. */
export interface AskReply {
  readonly kind: 'reply';
  readonly round: Ask['round'];
  readonly attempt: string;
  readonly nodeId: string;
  readonly run: string;
  /** True if the voter would promise (`dry`), has fsynced the promise (`real`), or still holds it (`confirm`). */
  readonly granted: boolean;
  readonly code: string;
  readonly message: string;
  readonly promise: EpochPromise;
  /** Promise of the last creation of a cluster that this blank voter confirmed; null for any other voter. */
  readonly birth: EpochPromise | null;
  readonly position: Position;
  readonly state: VoterState;
  readonly claim: Claim;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  /** Current leader, as far as the voter knows. */
  readonly leader: string | null;
}

/**
 * To any node that may hold the same log: asks for the bytes after `after` as a frame, which holds whole batches or a piece of a
 * larger batch. Opens a link that carries any number of these, one after the other. A node that cannot answer closes the link with
 * the reason.
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
  /** Lowest epoch that the node still accepts. */
  readonly fence: number;
  /** End of its durable log. */
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
 * Leader to follower: raw whole batches, byte for byte as in the log, or one numbered piece of a batch that is larger than
 * a frame. A frame without bytes is a heartbeat.
 */
export interface Frame {
  readonly kind: 'frame';
  readonly epoch: number;
  readonly commitLsn: number;
  /** Position just before the first batch. */
  readonly previous: Position;
  /** 0-based index of the piece; 0 of 1 for whole batches. */
  readonly pieceIndex: number;
  readonly pieceCount: number;
  /** Bytes that alias the received message. */
  readonly bytes: Buffer;
}

/** Leader to follower: bytes of the snapshot file that was offered. */
export interface SnapshotPiece {
  readonly kind: 'piece';
  readonly epoch: number;
  /** Offset of the first byte in the file. */
  readonly offset: number;
  /** 1 to FRAME_BYTES_MAX bytes, which alias the received message. */
  readonly bytes: Buffer;
}

export type Message = ControlMessage | Frame | SnapshotPiece;

/** Maximum size of whole batches in one frame; a larger batch is sent in pieces of this size. */
export const FRAME_BYTES_MAX = 256 * 1024;
/** Maximum size of a control message; none that a node sends comes near it. */
export const CONTROL_BYTES_MAX = 1024 * 1024;
/** Maximum number of spans of a history in a hello. */
export const HISTORY_ENTRIES_MAX = 256;
