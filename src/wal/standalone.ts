import { isWalshipError, WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk, DiskLock } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import { removeTemporary } from './leftovers.ts';
import { Log } from './log.ts';
import { openMeta } from './open-meta.ts';
import type { Version } from './format/position.ts';
import type { LogRecord } from './format/record.ts';
import type { RecoveryReport } from './recovery/recover.ts';
import { forEachRecord } from './format/scan.ts';
import { parseSegmentName } from './format/segment.ts';

const ID_BYTES = 16;
const NODE_ID = 'local';
const LOCK_NAME = 'LOCK';

export interface OpenOptions {
  /** Size of a segment file in bytes. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Reaction to a damaged log: refuse to open it, or save the rest and continue from the last good record. Default `refuse`. */
  readonly onDamage?: 'refuse' | 'cut';
  /** Called synchronously for each record found, in order; key and value are valid during the call only. */
  readonly replay?: (record: LogRecord) => void;
}

/** One operation of a transaction. */
export interface Operation {
  /** OP.PUT, OP.DELETE, or 32 to 63 for custom operations. */
  readonly op: number;
  /** Key of 1 to 4,096 bytes; a string is encoded as UTF-8. */
  readonly key: string | Uint8Array;
  /** Value of at most 16 MiB; none for a DELETE. */
  readonly value?: string | Uint8Array;
}

export interface StandalonePorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

interface Waiter {
  readonly version: Version;
  readonly resolve: (version: Version) => void;
  readonly reject: (error: WalshipError) => void;
}

const NOTHING = Buffer.alloc(0);

/** A log with one writer and no replicas, used by one process. */
export class StandaloneLog {
  readonly #log: Log;
  readonly #lock: DiskLock;
  readonly #ports: StandalonePorts;
  #leading = false;
  /** Pending first append, which begins the log and a leadership; the others wait for it. */
  #starting: Promise<void> | undefined;
  #waiters: Waiter[] = [];

  private constructor(log: Log, lock: DiskLock, ports: StandalonePorts) {
    this.#log = log;
    this.#lock = lock;
    this.#ports = ports;
    log.onDurable(({ lsn }) => this.#settle(lsn));
    log.onFailed((error) => this.#fail(error));
  }

  /** Opens a log like `open` of `walship/wal`, with the given disk, clock and randomness. */
  static async open(
    dir: string,
    ports: StandalonePorts,
    options: OpenOptions = {},
  ): Promise<StandaloneLog> {
    const { disk, clock, entropy } = ports;
    const { replay, ...rest } = options;
    await disk.makeDir(dir);
    const lock = await disk.lock(`${dir}/${LOCK_NAME}`);
    try {
      await removeTemporary(disk, dir);
      const hasLog = (await disk.list(`${dir}/wal`)).some(isSegment);
      const meta = await openMeta(disk, dir, { hasLog, nodeId: NODE_ID });
      const log = await Log.open({
        ...rest,
        disk,
        clock,
        entropy,
        dir,
        meta,
        voters: 1,
        ...(replay === undefined ? {} : { replay: ({ bytes }) => forEachRecord(bytes, replay) }),
      });
      return new StandaloneLog(log, lock, ports);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Report of the recovery: its findings, cuts and saved pieces. */
  get recovery(): RecoveryReport {
    return this.#log.recovery;
  }

  /** Version of the last durable record; `0.0` in an empty log. */
  get durable(): Version {
    const { epoch, lsn } = this.#log.durable;
    return { epoch, lsn };
  }

  /**
   * Appends one operation; resolves when it is durable.
   * @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE, REQUEST_INVALID, BUSY, DISK_FULL, NODE_CLOSED (outcome rejected); DISK_FAILED
   * (outcome rejected or indeterminate).
   */
  append(op: number, key: string | Uint8Array, value?: string | Uint8Array): Promise<Version> {
    return this.transaction([value === undefined ? { op, key } : { op, key, value }]);
  }

  /** Appends all operations or none; resolves with the version of the last one when all are durable. Throws the same errors as `append`, and TXN_TOO_LARGE. */
  async transaction(operations: readonly Operation[]): Promise<Version> {
    const ops = operations.map(({ op, key, value }) => ({
      op,
      key: bytesOf(key),
      value: value === undefined ? NOTHING : bytesOf(value),
    }));
    if (!this.#leading) await this.#start();
    return new Promise((resolve, reject) => {
      const lsn = this.#log.append(ops);
      const version = { epoch: this.#log.last.epoch, lsn };
      this.#waiters.push({ version, resolve, reject });
    });
  }

  /** Reads durable records from LSN `from` on (default: the oldest), in order. */
  read({ from }: { readonly from?: number } = {}): AsyncIterable<LogRecord> {
    return this.#log.read({ from: from ?? this.#log.firstLsn });
  }

  /** Writes the appended records, closes the files and releases the directory's lock. Idempotent. */
  async close(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    await this.#log.close();
    await this.#lock.release();
  }

  #start(): Promise<void> {
    this.#starting ??= this.#lead().catch((error: unknown) => {
      // A full disk may have space later.
      this.#starting = undefined;
      throw isWalshipError(error) ? asRejected(error) : error;
    });
    return this.#starting;
  }

  async #lead(): Promise<void> {
    const { clock, entropy } = this.#ports;
    const newId = (): string => entropy.bytes(ID_BYTES).toString('hex');
    if (this.#log.identity === undefined) {
      await this.#log.begin({ clusterId: newId(), historyId: newId() });
    }
    const historyId = this.#log.identity?.historyId ?? newId();
    const epoch = this.#log.durable.epoch + 1;
    const entry = { epoch, leader: NODE_ID, historyId, voters: [NODE_ID], quorum: 1 };
    // With a single voter, durable records are committed.
    this.#log.lead(entry, () => ({ commitLsn: this.#log.durable.lsn, wallMs: clock.wallMs() }));
    this.#leading = true;
  }

  #settle(lsn: number): void {
    let count = 0;
    for (const waiter of this.#waiters) {
      if (waiter.version.lsn > lsn) break;
      waiter.resolve(waiter.version);
      count += 1;
    }
    this.#waiters.splice(0, count);
  }

  #fail(error: WalshipError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(error);
  }
}

const isSegment = (name: string): boolean => parseSegmentName(name) !== undefined;

function asRejected(error: WalshipError): WalshipError {
  const { code, message, details } = error;
  return new WalshipError(code, message, { details, outcome: 'rejected', cause: error });
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
}
