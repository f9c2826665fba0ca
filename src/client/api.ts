/** Types that programs see of the client. Versions are strings, `<epoch>.<lsn>`, to be passed back unchanged. */

/** Bytes; a string stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

/** Options of every call. */
export interface CallOptions {
  /** Milliseconds for the call, all attempts together; the client's `timeoutMs` unless given. */
  readonly timeoutMs?: number;
  /** Ends the call with ABORTED; a write that was sent by then is indeterminate. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  /** Level to wait for; `quorum` unless given. */
  readonly ack?: 'local' | 'quorum' | 'all';
}

export interface KeyWriteOptions extends WriteOptions {
  /** Writes only if the key is at this version; `*`: only if the key exists. */
  readonly ifMatch?: string;
  /** Writes only if the key does not exist. */
  readonly ifAbsent?: boolean;
}

export interface Written {
  readonly version: string;
  /** Node ids of voters known to have fsynced it; empty if the commit was learnt of afterwards. */
  readonly durableOn: readonly string[];
}

export interface ReadOptions extends CallOptions {
  /**
   * `local`, unless given: the state that a node has applied, own writes included. `linearizable`: at least all that
   * is committed by now.
   */
  readonly read?: 'local' | 'linearizable';
  /** Version to show at least, if it is newer than all that this client has seen. */
  readonly minVersion?: string;
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly version: string;
}

export interface Found extends Entry {
  /** Version that the answering node had applied. */
  readonly applied: string;
}

export interface ScanOptions extends CallOptions {
  readonly prefix?: Bytes;
  /** Key to start after (exclusive). */
  readonly after?: Bytes;
  /** Number of entries in total; all unless given. */
  readonly limit?: number;
  readonly minVersion?: string;
}

export interface WatchOptions {
  readonly prefix?: Bytes;
  /** Version to start after; without it, the watch starts with the next changes. */
  readonly after?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds to look for a node that continues the watch, WATCH_TIMEOUT_MS_DEFAULT unless given. */
  readonly timeoutMs?: number;
}

export interface Change {
  readonly op: 'put' | 'delete';
  readonly key: Buffer;
  /** New value; empty for a delete. */
  readonly value: Buffer;
  /** Version after which the watch may be resumed. */
  readonly version: string;
  /** True for the last change of its transaction. */
  readonly last: boolean;
}

export interface Transaction {
  /** Conditions. `version: null`: absent; `*`: present. */
  readonly if?: readonly { readonly key: Bytes; readonly version: string | null }[];
  readonly ops: readonly (
    | { readonly op: 'put'; readonly key: Bytes; readonly value: Bytes }
    | { readonly op: 'delete'; readonly key: Bytes }
  )[];
}

export type WaitLevel = 'durable' | 'committed' | 'applied';
