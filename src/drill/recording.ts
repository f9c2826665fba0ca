/** Everything that was seen in one drill; what is judged, and what the report shows. All moments are milliseconds since the drill began, on one clock. */
import type { NodeStatus } from '../node/api.ts';
import type { History } from '../sim/history.ts';
import type { Version } from '../wal/position.ts';

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
  /** What an operator was answered, and whether what was waited for came. */
  readonly answer?: {
    readonly ok: boolean;
    readonly code: string | undefined;
    readonly text: string;
    readonly body: unknown;
  };
}

/** What one node said of itself at one moment; undefined: it did not answer. */
export interface NodeSample {
  readonly atMs: number;
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
}

/** One look at all accounts, in one page of one node. */
export interface AccountsRead {
  readonly atMs: number;
  readonly nodeId: string;
  readonly applied: Version;
  readonly balances: Readonly<Record<string, number>>;
}

/** A transfer between two accounts, in one transaction. */
export interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly end: WriteEnd;
  readonly version: Version | undefined;
}

/** What one watch was shown, in the order of arrival, over all its resumptions. */
export interface WatchRecord {
  readonly watcher: string;
  readonly changes: readonly {
    readonly atMs: number;
    /** Node that showed it, where it is known. */
    readonly op: 'put' | 'delete';
    readonly key: string;
    readonly value: string;
    readonly version: Version;
    readonly last: boolean;
  }[];
  /** Why it ended, where it did by itself. */
  readonly failed: string | undefined;
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
  /** Names and counts of records under `saved/`, where the target can tell. */
  readonly saved:
    | readonly {
        readonly name: string;
        readonly epoch: number;
        readonly fromLsn: number;
        readonly toLsn: number;
        readonly records: number;
      }[]
    | undefined;
  readonly output: string;
}

export interface Recording {
  readonly scenario: {
    readonly name: string;
    readonly about: string;
    readonly loss: 'none' | 'local' | 'forced';
  };
  readonly target: 'local' | 'compose';
  readonly seed: number;
  readonly startedAt: number;
  readonly walship: string;
  readonly voters: readonly string[];
  readonly quorum: number;
  /** When faults began, when everything was healed, when the load ended, when all nodes were equal (undefined: they never were), when it was over. */
  readonly phases: {
    readonly faultsFromMs: number;
    readonly healedMs: number;
    readonly loadEndMs: number;
    readonly convergedMs: number | undefined;
    readonly endMs: number;
  };
  readonly timeline: readonly TimelineEvent[];
  readonly samples: readonly NodeSample[];
  /** Registers: what clients wrote and read, for the checker of linearizability. */
  readonly history: History;
  readonly setWrites: readonly SetWrite[];
  readonly transfers: readonly Transfer[];
  readonly accountsTotal: number;
  readonly accountReads: readonly AccountsRead[];
  readonly watches: readonly WatchRecord[];
  readonly readProbes: readonly ReadProbe[];
  readonly finals: readonly FinalState[];
  /** A difference between two logs in words, where they were compared; empty: none. */
  readonly logDifferences: readonly string[];
}
