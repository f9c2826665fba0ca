import { isWalshipError, WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Dialer } from '../ports/link.ts';
import { SCAN_LIMIT_MAX } from '../protocol/client-messages.ts';
import type {
  ClientAnswer,
  ClientCondition,
  ClientOperation,
  ClientRequest,
} from '../protocol/client-messages.ts';
import { formatVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import type {
  Bytes,
  CallOptions,
  Change,
  Entry,
  Found,
  KeyWriteOptions,
  ReadOptions,
  ScanOptions,
  Transaction,
  WaitLevel,
  WatchOptions,
  WriteOptions,
  Written,
} from './api.ts';
import { Caller } from './caller.ts';
import type { Call } from './caller.ts';
import {
  checkSize,
  conditionOf,
  expectOf,
  keyBytes,
  operationOf,
  timeoutOf,
  toBytes,
  versionOf,
} from './input.ts';
import { parseNode } from './node-address.ts';
import { Pool } from './pool.ts';
import { Route } from './route.ts';
import { Seen } from './seen.ts';
import { watch } from './watch.ts';

export const TIMEOUT_MS_DEFAULT = 5_000;
/** Number of entries that a scan asks for at a time. */
const PAGE_ENTRIES = 500;

export interface ClientOptions {
  /**
   * Addresses of nodes, `host:port` or `id=host:port`, without TLS and a login. Reads go to these; the leader is
   * found from them.
   */
  readonly nodes: readonly string[];
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Default time limit of a call in milliseconds; TIMEOUT_MS_DEFAULT unless given. */
  readonly timeoutMs?: number;
}

/**
 * Session with a cluster: finds the leader and follows it, repeats requests that were certainly not written, and reads its own
 * writes on any node. Every failure is a WalshipError, with an `outcome` for writes.
 */
export class Client implements AsyncDisposable {
  readonly #timeoutMs: number;
  readonly #pool: Pool;
  readonly #route: Route;
  readonly #caller: Caller;
  readonly #clock: Clock;
  readonly #seen = new Seen();
  #closed = false;

  /** Creates a client; connects to no node yet. @throws WalshipError CONFIG_INVALID. */
  constructor({ nodes, dialer, clock, entropy, timeoutMs }: ClientOptions) {
    const given = nodes.map(parseNode);
    const addresses = [...new Set(given.map(({ address }) => address))];
    const ids = given.flatMap(({ address, nodeId }): readonly (readonly [string, string])[] =>
      nodeId === undefined ? [] : [[address, nodeId]],
    );
    if (addresses.length === 0) throw new WalshipError('CONFIG_INVALID', 'no nodes are given');
    this.#timeoutMs = timeoutOf(timeoutMs, TIMEOUT_MS_DEFAULT);
    this.#clock = clock;
    this.#pool = new Pool({ dialer, clock });
    this.#route = new Route(addresses, 0, new Map(ids));
    this.#caller = new Caller({ clock, entropy, pool: this.#pool, route: this.#route });
  }

  /** Newest version that this client has written or read: reads show at least that. Undefined before the first one. */
  get seen(): string | undefined {
    const least = this.#seen.least();
    return least === undefined ? undefined : formatVersion(least);
  }

  /** Resolves when a node has answered. @throws WalshipError PEER_UNREACHABLE and the like. */
  async ready(options: CallOptions = {}): Promise<void> {
    await this.#read(options, () => ({ kind: 'ping' }));
  }

  /** Writes a key; resolves when the requested level is reached. @throws WalshipError with an outcome. */
  put(key: Bytes, value: Bytes, options: KeyWriteOptions = {}): Promise<Written> {
    return this.#writeKey({ op: 'put', key: keyBytes(key), value: toBytes(value) }, options);
  }

  /** Deletes a key, with the options of `put`; succeeds for an absent key too. */
  delete(key: Bytes, options: KeyWriteOptions = {}): Promise<Written> {
    return this.#writeKey({ op: 'delete', key: keyBytes(key), value: NO_BYTES }, options);
  }

  /** Writes all operations or none. The version is that of the last one. */
  async txn(
    { if: conditions = [], ops }: Transaction,
    options: WriteOptions = {},
  ): Promise<Written> {
    return this.#write(conditions.map(conditionOf), ops.map(operationOf), options);
  }

  /** Returns the value, or undefined if the key does not exist. @throws WalshipError WAIT_TIMEOUT, LSN_REPLACED, … */
  async get(key: Bytes, options: ReadOptions = {}): Promise<Found | undefined> {
    const { read: level = 'local' } = options;
    const bytes = keyBytes(key);
    const answer = await this.#readSeen(options, (timeoutMs, least) => ({
      kind: 'read',
      level,
      timeoutMs,
      key: bytes,
      ...(least && { minVersion: least }),
    }));
    if (answer.kind === 'absent') {
      this.#seen.noteCommitted(answer.applied);
      return undefined;
    }
    if (answer.kind !== 'found') throw unexpected(answer);
    this.#seen.noteCommitted(answer.applied);
    const { value, version, applied } = answer;
    return { key: bytes, value, version: formatVersion(version), applied: formatVersion(applied) };
  }

  /** Yields live entries in byte order, page by page: a page shows one moment, the next one the same or a later one. */
  async *scan(options: ScanOptions = {}): AsyncGenerator<Entry, void, undefined> {
    const prefix = options.prefix === undefined ? undefined : toBytes(options.prefix);
    let after = options.after === undefined ? undefined : toBytes(options.after);
    let left = options.limit ?? Infinity;
    checkSize('prefix', prefix);
    checkSize('after', after);
    while (left > 0) {
      const limit = Math.min(left, PAGE_ENTRIES, SCAN_LIMIT_MAX);
      const answer = await this.#readSeen(options, (timeoutMs, least) => ({
        kind: 'scan',
        timeoutMs,
        limit,
        ...(prefix && { prefix }),
        ...(after && { after }),
        ...(least && { minVersion: least }),
      }));
      if (answer.kind !== 'page') throw unexpected(answer);
      this.#seen.noteCommitted(answer.applied);
      for (const { key, value, version } of answer.entries) {
        yield { key, value, version: formatVersion(version) };
      }
      after = answer.entries.at(-1)?.key;
      left -= answer.entries.length;
      if (!answer.more || after === undefined) return;
    }
  }

  /**
   * Yields applied changes in log order, without gap or repeat, from any node that answers. Ends when the signal
   * aborts.
   * @throws WalshipError LSN_REPLACED, PURGED, or the last node's error if none continues in time.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<Change, void, undefined> {
    const { after, signal, timeoutMs } = options;
    const prefix = options.prefix === undefined ? undefined : toBytes(options.prefix);
    checkSize('prefix', prefix);
    return watch({
      caller: this.#caller,
      route: this.#route,
      clock: this.#clock,
      after: after === undefined ? undefined : versionOf('after', after),
      prefix,
      signal,
      timeoutMs,
      isClosed: () => this.#closed,
    });
  }

  /** Resolves when a node has the version at that level. @throws WalshipError WAIT_TIMEOUT, LSN_REPLACED. */
  async wait(
    version: string,
    level: WaitLevel = 'committed',
    options: CallOptions = {},
  ): Promise<void> {
    const wanted = versionOf('version', version);
    await this.#read(options, (timeoutMs) => ({ kind: 'wait', level, timeoutMs, version: wanted }));
  }

  /** Returns a node's own view of itself and the cluster, as `GET /v1/status` does. */
  async status(options: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#read(options, () => ({ kind: 'status' }));
    if (answer.kind !== 'status') throw unexpected(answer);
    return answer.status;
  }

  /** Closes the connections; calls under way end with ABORTED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#caller.close();
    this.#pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #writeKey(operation: ClientOperation, options: KeyWriteOptions): Promise<Written> {
    const expect = expectOf(options);
    const conditions = expect === undefined ? [] : [{ key: operation.key, expect }];
    return this.#write(conditions, [operation], options);
  }

  async #write(
    conditions: readonly ClientCondition[],
    ops: readonly ClientOperation[],
    options: WriteOptions,
  ): Promise<Written> {
    checkSize('transaction', { conditions, ops });
    const { ack = 'quorum' } = options;
    const answer = await this.#call(options, {
      kind: 'write',
      leads: true,
      guarded: isGuarded(conditions, ops),
      ack,
      make: (timeoutMs) => ({ kind: 'write', ack, timeoutMs, conditions, ops }),
    });
    if (answer.kind !== 'written') throw unexpected(answer);
    if (ack === 'local') this.#seen.noteLocal(answer.version);
    else this.#seen.noteCommitted(answer.version);
    return { version: formatVersion(answer.version), durableOn: answer.durableOn };
  }

  /** Reads at least the version that this client has seen. */
  async #readSeen(
    options: ReadOptions | ScanOptions,
    make: (timeoutMs: number, least: Version | undefined) => ClientRequest,
  ): Promise<ClientAnswer> {
    const asked =
      options.minVersion === undefined ? undefined : versionOf('minVersion', options.minVersion);
    const least = this.#seen.least(asked);
    const leads = 'read' in options && options.read === 'linearizable';
    try {
      return await this.#read(options, (timeoutMs) => make(timeoutMs, least), leads);
    } catch (error) {
      const isGone =
        isWalshipError(error, 'LSN_REPLACED') || isWalshipError(error, 'VERSION_FORGOTTEN');
      if (isGone && least !== asked) this.#seen.forget();
      throw error;
    }
  }

  #read(
    options: CallOptions,
    make: (timeoutMs: number) => ClientRequest,
    leads = false,
  ): Promise<ClientAnswer> {
    return this.#call(options, { kind: 'read', leads, guarded: false, ack: 'quorum', make });
  }

  /** Creates a call, field by field: an object that begins with a spread costs several microseconds. */
  #call(
    { timeoutMs, signal }: CallOptions,
    { kind, leads, guarded, ack, make }: Omit<Call, 'timeoutMs' | 'signal' | 'knewVersion'>,
  ): Promise<ClientAnswer> {
    return this.#caller.call({
      kind,
      leads,
      guarded,
      ack,
      make,
      timeoutMs: timeoutOf(timeoutMs, this.#timeoutMs),
      signal,
      knewVersion: this.#seen.committed,
    });
  }
}

const NO_BYTES = Buffer.alloc(0);

/** Returns true if the write can have an effect only once: it changes a key under the condition of an exact version. */
function isGuarded(
  conditions: readonly ClientCondition[],
  ops: readonly ClientOperation[],
): boolean {
  const exact = conditions.filter(({ expect }) => typeof expect === 'object');
  return exact.some(({ key }) => ops.some((op) => Buffer.compare(op.key, key) === 0));
}

function unexpected({ kind }: ClientAnswer): WalshipError {
  return new WalshipError('PROTOCOL_ERROR', `an answer of another kind: ${kind}`);
}
