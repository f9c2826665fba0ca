/** Messages between a client and a node at `/v1/client`; docs/protocol.md has their binary form. */
import type { ErrorCode, Outcome } from '../errors.ts';
import { KiB } from '../ports/units.ts';
import { BATCH_BYTES_MAX } from '../wal/format/limits.ts';
import type { Version } from '../wal/format/position.ts';

/** Version of the messages, raised by any change; the hello and its answer keep their first fields in every version. */
export const CLIENT_PROTOCOL_VERSION = 1;
/** Maximum size of one message without its length: the largest transaction, and a margin for its framing. */
export const CLIENT_MESSAGE_BYTES_MAX = BATCH_BYTES_MAX + 256 * KiB;
/** Maximum bytes per WebSocket message; a longer message travels in several. */
export const CLIENT_CHUNK_BYTES_MAX = 256 * KiB;
/** Maximum number of entries in one page. */
export const SCAN_LIMIT_MAX = 1_000;
/** Longest timeout that a request may ask for. */
export const CLIENT_TIMEOUT_MS_MAX = 600_000;
/** Maximum size of the details of an error as JSON; longer details are left out. */
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
  /** Start of the scan, exclusive. */
  readonly after?: Uint8Array;
  readonly minVersion?: Version;
}

export interface ClientWatch {
  readonly kind: 'watch';
  /** Bytes of changes that the node may send before it gets more credit. */
  readonly creditBytes: number;
  /** Start of the watch, exclusive; by default the version that the node has applied. */
  readonly after?: Version;
  readonly prefix?: Uint8Array;
}

export interface ClientWait {
  readonly kind: 'wait';
  readonly level: ClientLevel;
  readonly timeoutMs: number;
  readonly version: Version;
}

/** A request. All but `credit` and `cancel` are answered under their own id; these two carry the id of a watch. */
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
  /** Id of the cluster; null before the cluster has been created. */
  readonly clusterId: string | null;
  /** Current leader, as far as the node knows. */
  readonly leader: { readonly nodeId: string; readonly address: string } | null;
  /** Maximum number of requests in flight on this link, and of their bytes: more are refused with BUSY. */
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  /** True once each write that was acknowledged before the node began to lead or to follow is applied there. */
  readonly ready: boolean;
}

export interface ErrorAnswer {
  readonly kind: 'error';
  /** A code from src/errors.ts, or from a later version. */
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
      /** True for the last change of its transaction. */
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
