import type { Clock } from '../../ports/clock.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import type { Leader } from '../../leader/leader.ts';
import { MiB } from '../../ports/units.ts';
import { formatVersion } from '../../wal/format/position.ts';
import type { Version } from '../../wal/format/position.ts';
import { Waiters } from '../../leader/waiters.ts';
import type { ReadRequest, ReadResult, ScanRequest, ScanResult, WaitRequest } from '../api/api.ts';
import { Deadline } from './deadline.ts';
import type { Replica } from '../replica/replica.ts';
import { judgeForGood, replaced } from './versions.ts';

/** Number of callers that may wait at one time for an LSN to become durable, committed or applied here. */
export const READ_WAITERS_MAX = 100_000;

/** Bytes of keys and values of one page; a page has at least one entry if any exists. */
export const SCAN_BYTES_MAX = 8 * MiB;

/** Part of a leader that a linearizable read needs. */
type ProvingLeader = Pick<Leader, 'ownEpochLsn' | 'prove'>;

/** Version and level that a caller waits for. */
type Target = Pick<WaitRequest, 'version' | 'level'>;

/** Reads the applied state of this node, and keeps callers waiting until it has reached their version. */
export class ReadPath {
  readonly #replica: Replica;
  readonly #clock: Clock;
  #ended: WalshipError | undefined;
  readonly #waiters: Readonly<Record<WaitRequest['level'], Waiters>>;

  constructor(replica: Replica, clock: Clock) {
    this.#replica = replica;
    this.#clock = clock;
    this.#waiters = {
      durable: new Waiters(clock),
      committed: new Waiters(clock),
      applied: new Waiters(clock),
    };
  }

  /**
   * Reads the applied state once the version that the request names is applied; with `leader`, the read is
   * linearizable.
   * @throws WalshipError WAIT_TIMEOUT, LSN_REPLACED of `minVersion`, NO_LEADER, NOT_READY, BUSY.
   */
  async read(
    { key, minVersion, timeoutMs }: Omit<ReadRequest, 'level'>,
    leader?: ProvingLeader,
  ): Promise<ReadResult> {
    const deadline = new Deadline(this.#clock, timeoutMs);
    if (leader !== undefined) await this.#linearize(leader, deadline);
    if (minVersion !== undefined) {
      await this.#wait({ version: minVersion, level: 'applied' }, deadline);
    }
    await this.#settled();
    return this.#get(key);
  }

  #get(key: Uint8Array): ReadResult {
    const { store, log, applied } = this.#replica;
    const found = store.get(key);
    if (found === undefined) return { found: undefined, applied };
    const version = { epoch: log.epochAt(found.lsn), lsn: found.lsn };
    return { found: { value: found.value, version }, applied };
  }

  /** Reads a page of keys. @throws WalshipError WAIT_TIMEOUT, LSN_REPLACED, NOT_READY, BUSY. */
  async scan({ prefix, after, limit, minVersion, timeoutMs }: ScanRequest): Promise<ScanResult> {
    if (minVersion !== undefined) {
      await this.wait({ version: minVersion, level: 'applied', timeoutMs });
    }
    await this.#settled();
    const { store, log, applied } = this.#replica;
    const range = prefix === undefined ? {} : { prefix };
    const page = store.page({
      ...range,
      ...(after === undefined ? {} : { after }),
      limit,
      bytesMax: SCAN_BYTES_MAX,
    });
    const entries = page.map(({ key, value, lsn }) => ({
      key,
      value,
      version: { epoch: log.epochAt(lsn), lsn },
    }));
    const last = page.at(-1);
    const more =
      last !== undefined && store.page({ ...range, after: last.key, limit: 1 }).length > 0;
    return { entries, more, applied };
  }

  /**
   * Resolves when the version has reached its level here. @throws WalshipError LSN_REPLACED where the committed log
   * rules `version` out; WAIT_TIMEOUT, BUSY.
   */
  wait({ timeoutMs, ...target }: WaitRequest): Promise<void> {
    return this.#wait(target, new Deadline(this.#clock, timeoutMs));
  }

  async #wait({ version, level }: Target, deadline: Deadline): Promise<void> {
    await this.#reach({ version, level }, deadline);
    if (this.#holds(version)) return;
    // Another leadership's record is at this LSN. The version is certainly gone only when that record is committed.
    await this.#reach({ version, level: 'committed' }, deadline);
    this.#check(version);
  }

  async #reach({ version, level }: Target, deadline: Deadline): Promise<void> {
    this.#check(version);
    if (this.#reached(level) >= version.lsn) return;
    if (this.#ended !== undefined) throw this.#ended;
    const waiters = this.#waiters[level];
    if (waiters.count >= READ_WAITERS_MAX) {
      throw new WalshipError(
        'BUSY',
        `${waiters.count} requests already wait, the limit is ${READ_WAITERS_MAX}`,
      );
    }
    await waiters.wait({
      mark: version.lsn,
      timeoutMs: deadline.leftMs,
      reached: () => undefined,
      expired: () =>
        new WalshipError(
          'WAIT_TIMEOUT',
          `version ${formatVersion(version)} was not ${level} here within ${deadline.timeoutMs} ms`,
          {
            details: { version: formatVersion(version), level, reached: this.#reached(level) },
          },
        ),
    });
  }

  /**
   * Proves that no newer leadership had begun when the read came, and waits until the records committed then are
   * applied.
   * @throws WalshipError NO_LEADER as soon as the leadership ends before that, or where its history is left;
   * WAIT_TIMEOUT, BUSY.
   */
  async #linearize(leader: ProvingLeader, deadline: Deadline): Promise<void> {
    const replica = this.#replica;
    const { historyId } = replica.meta.current;
    const before = replica.committedLsn;
    await leader.prove(deadline.leftMs);
    // A leader that had not committed its own EPOCH record yet did not know the commit LSN: now it does.
    const lsn = before >= leader.ownEpochLsn ? before : replica.committedLsn;
    const version = { epoch: replica.log.epochAt(lsn), lsn };
    try {
      await this.#wait({ version, level: 'applied' }, deadline);
    } catch (error) {
      // The client named no version that could be replaced.
      if (isWalshipError(error, 'LSN_REPLACED')) throw historyLeft(error);
      throw error;
    }
    // Another history may have the same epoch at the same LSN.
    if (replica.meta.current.historyId !== historyId) throw historyLeft();
  }

  /** Number of waiters at the level that has most. */
  get waitingCount(): number {
    return Math.max(...Object.values(this.#waiters).map(({ count }) => count));
  }

  moved(): void {
    for (const level of ['durable', 'committed', 'applied'] as const) {
      this.#waiters[level].reach(this.#reached(level));
    }
  }

  expire(): void {
    for (const waiters of Object.values(this.#waiters)) waiters.expire();
  }

  /** Fails all present and later waiters: nothing more will come. */
  fail(error: WalshipError): void {
    this.#ended ??= error;
    for (const waiters of Object.values(this.#waiters)) waiters.fail(() => error);
  }

  /** Resolves immediately if no batch is half applied, so that a read costs no turn. @throws WalshipError NOT_READY. */
  async #settled(): Promise<void> {
    const { applier } = this.#replica;
    if (!applier.isSettled) await applier.settled();
    const { end } = this.#replica;
    if (!applier.isSettled && end !== undefined) throw end;
    this.#refuseUnready();
  }

  #refuseUnready(): void {
    const { rebuilding, appliedLsn } = this.#replica;
    if (!rebuilding) return;
    throw new WalshipError(
      'NOT_READY',
      `this node is still loading its state, so far up to LSN ${appliedLsn}`,
    );
  }

  #reached(level: WaitRequest['level']): number {
    const { log, committedLsn, appliedLsn } = this.#replica;
    // Commits above this node's own log are not committed *here*: their epoch could not be checked.
    if (level === 'committed') return Math.min(committedLsn, log.durable.lsn);
    return level === 'durable' ? log.durable.lsn : appliedLsn;
  }

  #check(version: Version): void {
    const { epochs } = this.#replica.log;
    const judged = judgeForGood(epochs, version, this.#reached('committed'));
    if (judged.kind === 'replaced') throw replaced(version, judged);
    if (judged.kind === 'forgotten') throw forgotten(version);
  }

  #holds(version: Version): boolean {
    return version.lsn === 0 || this.#replica.log.epochAt(version.lsn) === version.epoch;
  }
}

function forgotten(version: Version): WalshipError {
  const text = formatVersion(version);
  const message = `this node no longer knows the epoch of LSN ${version.lsn}, so it cannot tell whether that was version ${text}`;
  return new WalshipError('VERSION_FORGOTTEN', message, { details: { version: text } });
}

function historyLeft(cause?: WalshipError): WalshipError {
  return new WalshipError('NO_LEADER', 'this node has left the history that it led', { cause });
}
