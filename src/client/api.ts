/** What programs see of the client. Versions are texts, `<epoch>.<lsn>`, to be handed back as they are. */

/** A text stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

/** What every call takes. */
export interface CallOptions {
  /** How long the call may take, all attempts together; the client's `timeoutMs` unless given. */
  readonly timeoutMs?: number;
  /** Ends the call with ABORTED; a write that was sent by then is indeterminate. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  /** `quorum` unless given. */
  readonly ack?: 'local' | 'quorum' | 'all';
}

export interface KeyWriteOptions extends WriteOptions {
  /** Only where the key is at this version; `*`: only where there is such a key. */
  readonly ifMatch?: string;
  /** Only where there is no such key. */
  readonly ifAbsent?: boolean;
}

export interface Written {
  readonly version: string;
  /** Node ids of voters known to have fsynced it; empty where the commit was learnt of afterwards. */
  readonly durableOn: readonly string[];
}

export interface ReadOptions extends CallOptions {
  /** `local`, unless given: what a node has applied, own writes included. `linearizable`: at least what was committed by now. */
  readonly read?: 'local' | 'linearizable';
  /** At least this version, where it is newer than what this client has seen. */
  readonly minVersion?: string;
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly version: string;
}

export interface Found extends Entry {
  /** What the node that answered had applied. */
  readonly applied: string;
}

export interface ScanOptions extends CallOptions {
  readonly prefix?: Bytes;
  /** Begin behind this key. */
  readonly after?: Bytes;
  /** Entries in all; without it, all there are. */
  readonly limit?: number;
  readonly minVersion?: string;
}

export interface WatchOptions {
  readonly prefix?: Bytes;
  /** Begin behind this version; without it, with what comes from now on. */
  readonly after?: string;
  readonly signal?: AbortSignal;
  /** How long to look for a node that goes on with it, WATCH_TIMEOUT_MS_DEFAULT unless given. */
  readonly timeoutMs?: number;
}

export interface Change {
  readonly op: 'put' | 'delete';
  readonly key: Buffer;
  /** Empty for a delete. */
  readonly value: Buffer;
  /** The watch may be resumed behind it. */
  readonly version: string;
  /** The last change of its transaction. */
  readonly last: boolean;
}

export interface Transaction {
  /** `version: null`: absent; `*`: present. */
  readonly if?: readonly { readonly key: Bytes; readonly version: string | null }[];
  readonly ops: readonly (
    | { readonly op: 'put'; readonly key: Bytes; readonly value: Bytes }
    | { readonly op: 'delete'; readonly key: Bytes }
  )[];
}

export type WaitLevel = 'durable' | 'committed' | 'applied';
