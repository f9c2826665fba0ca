/**
 * What a drill's load has of a cluster: every call ends with an outcome, and none throws for what a cluster can do. It is all that stands between the
 * load and the cluster, so that one in the middle which lies is enough to see whether the judge notices.
 */
import type { Expectation, Found } from '../../check/history.ts';
import type { Version } from '../../wal/format/position.ts';

export interface DrillClient {
  /** Node ids. */
  readonly nodes: readonly string[];
  /** One operation, or several in one transaction; through the session of that name. */
  write(call: DrillWrite): Promise<WriteAnswer>;
  read(call: DrillRead): Promise<ReadAnswer>;
  /** A page of what one node has applied, in byte order. */
  page(call: DrillPage): Promise<PageAnswer>;
  /**
   * Applied changes behind `after`; ends when the signal aborts.
   * @throws WalshipError where the watch ended by itself: PURGED, LSN_REPLACED, or what stood in the way.
   */
  watch(call: DrillWatch): AsyncIterable<DrillChange>;
  /** Calls under way end. Idempotent. */
  close(): Promise<void>;
}

export interface DrillWrite {
  /** Name of the session. */
  readonly client: string;
  readonly conditions: readonly { readonly key: string; readonly expect: Expectation }[];
  /** `value` undefined: a delete. */
  readonly ops: readonly { readonly key: string; readonly value: string | undefined }[];
  readonly ack: 'local' | 'quorum' | 'all';
  readonly timeoutMs: number;
}

export type WriteAnswer =
  /** The version of the last operation. */
  | {
      readonly end: 'acknowledged';
      readonly version: Version;
      /** The nodes on whose disks it is, where that is told. */
      readonly durableOn?: readonly string[];
    }
  | {
      readonly end: 'rejected';
      readonly code: string;
      /** Of a condition that failed: what the key is (null: absent), where that is told. */
      readonly actual: Version | null | undefined;
    }
  | {
      readonly end: 'indeterminate';
      readonly code: string;
      readonly version: Version | undefined;
      /** It is known to be committed, and yet the asked level was not reached. */
      readonly committed: boolean;
    };

export interface DrillRead {
  readonly client: string;
  readonly key: string;
  readonly level: 'local' | 'linearizable';
  /** This node and no other; undefined: through the session. */
  readonly nodeId: string | undefined;
  readonly minVersion: Version | undefined;
  readonly timeoutMs: number;
}

export type ReadAnswer =
  | {
      readonly ok: true;
      readonly found: Found | undefined;
      /** What the node had applied, where it is told. */
      readonly applied: Version | undefined;
    }
  | { readonly ok: false; readonly code: string };

export interface DrillPage {
  readonly nodeId: string;
  readonly prefix: string;
  /** Behind this key; '' for the first page. */
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
  /** This node and no other; undefined: the client library chooses, and goes on elsewhere. */
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
