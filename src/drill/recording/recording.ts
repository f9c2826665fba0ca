/**
 * Recording of one drill: the input of the judge and of the report. All times are milliseconds since the drill began,
 * on one clock.
 */
import type { NodeStatus } from '../../node/api/api.ts';
import type { History } from '../../check/history.ts';
import type { Version } from '../../wal/format/position.ts';
import type { AppliedFault } from '../faults/unreachable.ts';
import type { LocalAcks } from '../../wal/files/saved.ts';

/** Number of acknowledged writes, before, during or after the faults, below which they prove nothing. */
export const WRITES_MIN = 20;

/** A fault, an action of the operator, or a step of the drill itself. */
export interface TimelineEvent {
  readonly atMs: number;
  readonly kind: 'fault' | 'heal' | 'operator' | 'drill';
  /** Description in plain words: `n1 is killed`. */
  readonly text: string;
  /** Ids of the nodes that it is about. */
  readonly nodes: readonly string[];
  /**
   * Expected result, if the scenario names one; the actual one is `answer`. For a step that waits for something:
   * `done`.
   */
  readonly expected?: 'done' | 'refused' | 'any';
  /** Expected reason of the refusal, if the scenario names one. */
  readonly expectedReason?: string | undefined;
  /** Answer to an operator's order, or the end of a wait. */
  readonly answer?: {
    readonly ok: boolean;
    readonly code: string | undefined;
    /** Rule that refused it, if the answer has more than its code. */
    readonly reason?: string | undefined;
    readonly text: string;
    readonly body: unknown;
  };
}

/** Status of one node at one time; undefined: it did not answer. */
export interface NodeSample {
  /** Time when it answered, or was given up. */
  readonly atMs: number;
  /** Duration of the request in milliseconds. */
  readonly tookMs: number;
  readonly nodeId: string;
  readonly status: NodeStatus | undefined;
}

export type WriteEnd = 'acknowledged' | 'rejected' | 'indeterminate';

/** An element of the append-only set: a key of its own, written once. */
export interface SetWrite {
  readonly key: string;
  readonly value: string;
  readonly ack: 'local' | 'quorum' | 'all';
  readonly calledAt: number;
  /** Time of the return; Infinity while it has not returned. */
  readonly returnedAt: number;
  readonly end: WriteEnd;
  /** Version, where it is known. */
  readonly version: Version | undefined;
  /** Code of the failure. */
  readonly code: string | undefined;
  /** Nodes on whose disks it was when it was acknowledged, as far as the answer tells. */
  readonly durableOn?: readonly string[] | undefined;
}

/** Setup of the accounts, created in one transaction. */
export interface AccountsSetup {
  /** Keys of the accounts. */
  readonly names: readonly string[];
  /** Initial balance of each account. */
  readonly balance: number;
  /** Version of the last one; undefined: they were never created. */
  readonly version: Version | undefined;
}

/** A read of all accounts, in one page of one node. */
export interface AccountsRead {
  readonly atMs: number;
  readonly nodeId: string;
  readonly applied: Version;
  /** Balances by key; an absent account is missing. */
  readonly balances: Readonly<Record<string, number>>;
}

/** A transfer between two accounts, in one transaction, on condition that neither has changed since they were read. */
export interface Transfer {
  /** Id, which follows the balance in both values that it writes: `90 a-17`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  /** Versions of both accounts that its conditions named. */
  readonly after: { readonly from: Version; readonly to: Version };
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly end: WriteEnd;
  readonly version: Version | undefined;
}

/**
 * Changes that one watch was shown, in order of arrival, over all its resumptions after the last change shown. If it
 * is told that it cannot continue there, it ends, and the same watcher begins another one.
 */
export interface WatchRecord {
  readonly watcher: string;
  /** Node that it was asked of; undefined: the client library chose. */
  readonly nodeId: string | undefined;
  /** Version that it started after. */
  readonly from: Version;
  readonly changes: readonly WatchChange[];
  /** Code with which it ended, if it did on its own: PURGED, LSN_REPLACED. */
  readonly failed: string | undefined;
}

export interface WatchChange {
  readonly atMs: number;
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly version: Version;
  /** True for the last change of its transaction. */
  readonly last: boolean;
}

/** A read for its duration: whether the cluster answered. */
export interface ReadProbe {
  readonly level: 'local' | 'linearizable';
  readonly nodeId: string | undefined;
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly ok: boolean;
  readonly code: string | undefined;
}

/** State of a node in the end, after everything healed and the cluster converged. */
export interface FinalState {
  readonly nodeId: string;
  readonly status: NodeStatus | undefined;
  /** Live keys; undefined if the node did not answer. */
  readonly entries:
    | ReadonlyMap<string, { readonly value: string; readonly version: Version }>
    | undefined;
  /** Events from `/v1/events`: leaderships, truncations, resyncs, refusals. */
  readonly events: readonly unknown[];
  /** Entries under `saved/`, if the target can read them. */
  readonly saved: readonly SavedEntry[] | undefined;
  readonly output: string;
}

/** An entry of `saved/`. */
export interface SavedEntry {
  readonly name: string;
  /** LSN of the first record in it. */
  readonly fromLsn: number;
  /** Version of the last record; undefined where that is not known. */
  readonly to: Version | undefined;
  /** Decider: `recovery`, `operator`, or the leader that was followed. */
  readonly by: string;
  readonly records: number | 'unknown';
  readonly localAcks: LocalAcks;
}

export interface Recording {
  readonly scenario: {
    readonly name: string;
    readonly about: string;
    readonly loss: 'none' | 'local' | 'forced';
    /** True if a run without losses is as predicted too. */
    readonly lossByChance: boolean;
    /** True if log may be purged: the scenario bounds it, or has snapshots taken. */
    readonly purges: boolean;
  };
  readonly target: 'local' | 'compose';
  readonly seed: number;
  readonly startedAt: number;
  readonly walship: string;
  readonly voters: readonly string[];
  readonly quorum: number;
  /** Nodes that have to be down in the end. */
  readonly staysDown: readonly string[];
  /**
   * Times when faults began, when everything was healed, when the load ended, when all nodes were equal (undefined:
   * they never were), and of the end.
   */
  readonly phases: {
    readonly faultsFromMs: number;
    readonly healedMs: number;
    readonly loadEndMs: number;
    readonly convergedMs: number | undefined;
    readonly endMs: number;
  };
  readonly timeline: readonly TimelineEvent[];
  /** Faults applied to the cluster, healing included, in the order in which they began. */
  readonly faults: readonly AppliedFault[];
  readonly samples: readonly NodeSample[];
  /** History of the registers, for the checker of linearizability. */
  readonly history: History;
  readonly setWrites: readonly SetWrite[];
  readonly transfers: readonly Transfer[];
  readonly accounts: AccountsSetup;
  readonly accountReads: readonly AccountsRead[];
  readonly watches: readonly WatchRecord[];
  readonly readProbes: readonly ReadProbe[];
  readonly finals: readonly FinalState[];
  /** Differences between two logs in words, if they were compared; empty: none. */
  readonly logDifferences: readonly string[];
}
