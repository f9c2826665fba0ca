/** Everything that was seen in one drill; what is judged, and what the report shows. All moments are milliseconds since the drill began, on one clock. */
import type { NodeStatus } from '../../node/api/api.ts';
import type { History } from '../../check/history.ts';
import type { Version } from '../../wal/format/position.ts';
import type { AppliedFault } from '../faults/unreachable.ts';
import type { LocalAcks } from '../../wal/files/saved.ts';

/** Fewer acknowledged writes than this, before, during or after the faults, prove nothing. */
export const WRITES_MIN = 20;

/** A fault, an action of the operator, or a step of the drill itself. */
export interface TimelineEvent {
  readonly atMs: number;
  readonly kind: 'fault' | 'heal' | 'operator' | 'drill';
  /** Plain words: `n1 is killed`. */
  readonly text: string;
  /** Node ids that it is about. */
  readonly nodes: readonly string[];
  /** What had to come of it, where the scenario says so; what did is `answer`. Of a step that waits for something: `done`. */
  readonly expected?: 'done' | 'refused' | 'any';
  /** What it had to be refused for, where the scenario says so. */
  readonly expectedReason?: string | undefined;
  /** What an operator was answered, and whether what was waited for came. */
  readonly answer?: {
    readonly ok: boolean;
    readonly code: string | undefined;
    /** Of a refusal: by which rule, where the answer says more than its code. */
    readonly reason?: string | undefined;
    readonly text: string;
    readonly body: unknown;
  };
}

/** What one node said of itself at one moment; undefined: it did not answer. */
export interface NodeSample {
  /** When it answered, or was given up. */
  readonly atMs: number;
  /** How long that took. */
  readonly tookMs: number;
  readonly nodeId: string;
  readonly status: NodeStatus | undefined;
}

export type WriteEnd = 'acknowledged' | 'rejected' | 'indeterminate';

/** One element of the append-only set: a key of its own, written once. */
export interface SetWrite {
  readonly key: string;
  readonly value: string;
  readonly ack: 'local' | 'quorum' | 'all';
  readonly calledAt: number;
  /** Infinity while it has not returned. */
  readonly returnedAt: number;
  readonly end: WriteEnd;
  /** Where it is known. */
  readonly version: Version | undefined;
  /** The code of the failure. */
  readonly code: string | undefined;
  /** The nodes on whose disks it was when it was acknowledged, as far as that was told. */
  readonly durableOn?: readonly string[] | undefined;
}

/** The accounts as they were made, all in one transaction. */
export interface AccountsSetup {
  /** Keys. */
  readonly names: readonly string[];
  /** Of each. */
  readonly balance: number;
  /** Of the last one; undefined: they were never made. */
  readonly version: Version | undefined;
}

/** One look at all accounts, in one page of one node. */
export interface AccountsRead {
  readonly atMs: number;
  readonly nodeId: string;
  readonly applied: Version;
  /** By key; one that is not there is missing. */
  readonly balances: Readonly<Record<string, number>>;
}

/** A transfer between two accounts, in one transaction, on condition that neither has changed since they were read. */
export interface Transfer {
  /** Stands behind the balance in both values that it writes: `90 a-17`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  /** The versions of both accounts that its conditions named. */
  readonly after: { readonly from: Version; readonly to: Version };
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly end: WriteEnd;
  readonly version: Version | undefined;
}

/**
 * What one watch was shown, in the order of arrival, over all its resumptions behind the last change that it showed. Where it was told
 * that it cannot go on there, it ends, and the same watcher begins another one.
 */
export interface WatchRecord {
  readonly watcher: string;
  /** The node that it was asked of; undefined: the client library chose. */
  readonly nodeId: string | undefined;
  /** It began behind this version. */
  readonly from: Version;
  readonly changes: readonly WatchChange[];
  /** The code with which it ended, where it did by itself: PURGED, LSN_REPLACED. */
  readonly failed: string | undefined;
}

export interface WatchChange {
  readonly atMs: number;
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly version: Version;
  /** The last one of its transaction. */
  readonly last: boolean;
}

/** A read for the sake of its time: whether the cluster answered. */
export interface ReadProbe {
  readonly level: 'local' | 'linearizable';
  readonly nodeId: string | undefined;
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly ok: boolean;
  readonly code: string | undefined;
}

/** What a node held in the end, after everything healed and the cluster converged. */
export interface FinalState {
  readonly nodeId: string;
  readonly status: NodeStatus | undefined;
  /** Every live key, `undefined` where the node did not answer. */
  readonly entries:
    | ReadonlyMap<string, { readonly value: string; readonly version: Version }>
    | undefined;
  /** From `/v1/events`: leaderships, truncations, resyncs, refusals. */
  readonly events: readonly unknown[];
  /** What lies under `saved/`, where the target can tell. */
  readonly saved: readonly SavedTail[] | undefined;
  readonly output: string;
}

/** One entry of `saved/`. */
export interface SavedTail {
  readonly name: string;
  /** First record in it. */
  readonly fromLsn: number;
  /** Last record; undefined where that is not known. */
  readonly to: Version | undefined;
  /** `recovery`, `operator`, or the leader that was followed. */
  readonly by: string;
  readonly records: number | 'unknown';
  readonly localAcks: LocalAcks;
}

export interface Recording {
  readonly scenario: {
    readonly name: string;
    readonly about: string;
    readonly loss: 'none' | 'local' | 'forced';
    /** Losing nothing is as predicted too. */
    readonly lossByChance: boolean;
    /** Log may be purged: the scenario bounds it, or has snapshots taken. */
    readonly purges: boolean;
  };
  readonly target: 'local' | 'compose';
  readonly seed: number;
  readonly startedAt: number;
  readonly walship: string;
  readonly voters: readonly string[];
  readonly quorum: number;
  /** Nodes that are not to be there in the end. */
  readonly staysDown: readonly string[];
  /** When faults began, when everything was healed, when the load ended, when all nodes were equal (undefined: they never were), when it was over. */
  readonly phases: {
    readonly faultsFromMs: number;
    readonly healedMs: number;
    readonly loadEndMs: number;
    readonly convergedMs: number | undefined;
    readonly endMs: number;
  };
  readonly timeline: readonly TimelineEvent[];
  /** What was done to the cluster, healing included, in the order in which it began. */
  readonly faults: readonly AppliedFault[];
  readonly samples: readonly NodeSample[];
  /** Registers: what clients wrote and read, for the checker of linearizability. */
  readonly history: History;
  readonly setWrites: readonly SetWrite[];
  readonly transfers: readonly Transfer[];
  readonly accounts: AccountsSetup;
  readonly accountReads: readonly AccountsRead[];
  readonly watches: readonly WatchRecord[];
  readonly readProbes: readonly ReadProbe[];
  readonly finals: readonly FinalState[];
  /** A difference between two logs in words, where they were compared; empty: none. */
  readonly logDifferences: readonly string[];
}
