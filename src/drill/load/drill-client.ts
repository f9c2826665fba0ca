/**
 * Client interface for a drill's load: every call ends with an outcome, and none throws for a failure that a cluster
 * can cause. It is the only thing between the load and the cluster, so a lying client in the middle is enough to test
 * the judge.
 */
import type { Expectation, Found } from '../../check/history.ts';
import type { Version } from '../../wal/format/position.ts';

export interface DrillClient {
  /** Node ids. */
  readonly nodes: readonly string[];
  /** Writes one operation, or several in one transaction, through the session of that name. */
  write(call: DrillWrite): Promise<WriteAnswer>;
  read(call: DrillRead): Promise<ReadAnswer>;
  /** Reads a page of the state that one node has applied, in byte order. */
  page(call: DrillPage): Promise<PageAnswer>;
  /**
   * Yields applied changes after `after`; ends when the signal aborts.
   * @throws WalshipError if the watch ended on its own: PURGED, LSN_REPLACED, or the failure that ended it.
   */
  watch(call: DrillWatch): AsyncIterable<DrillChange>;
  /** Closes the client; calls under way end. Idempotent. */
  close(): Promise<void>;
}

export interface DrillWrite {
  /** Name of the session. */
  readonly client: string;
  readonly conditions: readonly { readonly key: string; readonly expect: Expectation }[];
  /** Operations; `value` undefined: a delete. */
  readonly ops: readonly { readonly key: string; readonly value: string | undefined }[];
  readonly ack: 'local' | 'quorum' | 'all';
  readonly timeoutMs: number;
}

export type WriteAnswer =
  /** Acknowledged, with the version of the last operation. */
  | {
      readonly end: 'acknowledged';
      readonly version: Version;
      /** Nodes on whose disks it is, where the answer tells. */
      readonly durableOn?: readonly string[];
    }
  | {
      readonly end: 'rejected';
      readonly code: string;
      /** State of the key of a failed condition (null: absent), where the answer tells. */
      readonly actual: Version | null | undefined;
    }
  | {
      readonly end: 'indeterminate';
      readonly code: string;
      readonly version: Version | undefined;
      /** True if it is known to be committed, although the requested level was not reached. */
      readonly committed: boolean;
    };

export interface DrillRead {
  readonly client: string;
  readonly key: string;
  readonly level: 'local' | 'linearizable';
  /** Node to ask, and no other; undefined: through the session. */
  readonly nodeId: string | undefined;
  readonly minVersion: Version | undefined;
  readonly timeoutMs: number;
}

export type ReadAnswer =
  | {
      readonly ok: true;
      readonly found: Found | undefined;
      /** Version that the node had applied, where the answer tells. */
      readonly applied: Version | undefined;
    }
  | { readonly ok: false; readonly code: string };

export interface DrillPage {
  readonly nodeId: string;
  readonly prefix: string;
  /** Key to start after; '' for the first page. */
  readonly after: string;
  readonly limit: number;
  readonly timeoutMs: number;
}

export type PageAnswer =
  | {
      readonly ok: true;
      readonly entries: readonly {
        readonly key: string;
        readonly value: string;
        readonly version: Version;
      }[];
      readonly more: boolean;
      readonly applied: Version;
    }
  | { readonly ok: false; readonly code: string };

export interface DrillWatch {
  readonly client: string;
  /** Node to ask, and no other; undefined: the client library chooses, and moves on if necessary. */
  readonly nodeId: string | undefined;
  readonly after: Version;
  readonly prefix: string;
  readonly signal: AbortSignal;
}

export interface DrillChange {
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly version: Version;
  readonly last: boolean;
}
