/** What a client and a node say to each other at `/v1/client`; docs/protocol.md has the bytes. */
import type { ErrorCode, Outcome } from '../errors.ts';
import { KiB } from '../ports/units.ts';
import { BATCH_BYTES_MAX } from '../wal/format/limits.ts';
import type { Version } from '../wal/format/position.ts';

/** Raised by any change to the messages; the hello and its answer keep their first fields in every version. */
export const CLIENT_PROTOCOL_VERSION = 1;
/** One message without its length: a transaction of the largest size, and room for its shape. */
export const CLIENT_MESSAGE_BYTES_MAX = BATCH_BYTES_MAX + 256 * KiB;
/** What goes over the link at once; longer messages travel in several of these. */
export const CLIENT_CHUNK_BYTES_MAX = 256 * KiB;
/** Entries of one page. */
export const SCAN_LIMIT_MAX = 1_000;
/** What a request may ask to wait. */
export const CLIENT_TIMEOUT_MS_MAX = 600_000;
/** The details of an error as JSON; longer ones are left out. */
export const DETAILS_BYTES_MAX = 64 * KiB;

export type ClientAck = 'quorum' | 'local' | 'all';
export type ClientLevel = 'durable' | 'committed' | 'applied';

export interface ClientCondition {
  readonly key: Uint8Array;
  readonly expect: Version | 'present' | 'absent';
}

export interface ClientOperation {
  readonly op: 'put' | 'delete';
  readonly key: Uint8Array;
  /** Empty for a delete. */
  readonly value: Uint8Array;
}

export interface ClientWrite {
  readonly kind: 'write';
  readonly ack: ClientAck;
  readonly timeoutMs: number;
  readonly conditions: readonly ClientCondition[];
  readonly ops: readonly ClientOperation[];
}

export interface ClientRead {
  readonly kind: 'read';
  readonly level: 'local' | 'linearizable';
  readonly timeoutMs: number;
  readonly key: Uint8Array;
  readonly minVersion?: Version;
}

export interface ClientScan {
  readonly kind: 'scan';
  readonly timeoutMs: number;
  readonly limit: number;
  readonly prefix?: Uint8Array;
  /** Exclusive. */
  readonly after?: Uint8Array;
  readonly minVersion?: Version;
}

export interface ClientWatch {
  readonly kind: 'watch';
  /** Bytes of changes that may come before more credit does. */
  readonly creditBytes: number;
  /** Exclusive; without it, from what the node has applied. */
  readonly after?: Version;
  readonly prefix?: Uint8Array;
}

export interface ClientWait {
  readonly kind: 'wait';
  readonly level: ClientLevel;
  readonly timeoutMs: number;
  readonly version: Version;
}

/** Each but `credit` and `cancel` is answered under its id; these two carry the id of a watch. */
export type ClientRequest =
  | { readonly kind: 'hello'; readonly protocol: number }
  | ClientWrite
  | ClientRead
  | ClientScan
  | ClientWatch
  | { readonly kind: 'credit'; readonly bytes: number }
  | { readonly kind: 'cancel' }
  | ClientWait
  | { readonly kind: 'status' }
  | { readonly kind: 'ping' };

export interface HelloAnswer {
  readonly kind: 'hello';
  readonly protocol: number;
  readonly nodeId: string;
  /** Null before the cluster is born. */
  readonly clusterId: string | null;
  /** Who leads, as far as the node knows. */
  readonly leader: { readonly nodeId: string; readonly address: string } | null;
  /** Requests in flight on this link, and their bytes: more are refused with BUSY. */
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  /** True once each write that was acknowledged before the node began to lead or to follow is applied there. */
  readonly ready: boolean;
}

export interface ErrorAnswer {
  readonly kind: 'error';
  /** One of src/errors.ts, or of a later version. */
  readonly code: ErrorCode | (string & {});
  readonly message: string;
  readonly outcome: Outcome | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface PageEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly version: Version;
}

export type ClientAnswer =
  | HelloAnswer
  | { readonly kind: 'written'; readonly version: Version; readonly durableOn: readonly string[] }
  | {
      readonly kind: 'found';
      readonly version: Version;
      readonly applied: Version;
      readonly value: Buffer;
    }
  | { readonly kind: 'absent'; readonly applied: Version }
  | {
      readonly kind: 'page';
      readonly applied: Version;
      readonly more: boolean;
      readonly entries: readonly PageEntry[];
    }
  | {
      readonly kind: 'change';
      readonly op: 'put' | 'delete';
      /** The last change of its transaction. */
      readonly last: boolean;
      readonly version: Version;
      readonly key: Buffer;
      readonly value: Buffer;
    }
  | { readonly kind: 'progress'; readonly version: Version }
  | { readonly kind: 'ended' }
  | { readonly kind: 'reached'; readonly version: Version }
  | { readonly kind: 'status'; readonly status: Readonly<Record<string, unknown>> }
  | { readonly kind: 'pong' }
  | ErrorAnswer;
