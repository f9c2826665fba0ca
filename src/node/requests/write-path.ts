import { type Clock, nextTurn } from '../../ports/clock.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import type { Leader } from '../../leader/leader.ts';
import { keyToJson } from '../../protocol/key-json.ts';
import { TickTimer } from '../../ports/tick-timer.ts';
import type { Overlay } from '../../store/overlay.ts';
import { MiB } from '../../ports/units.ts';
import { operationsBytes } from '../../wal/format/batch-builder.ts';
import type { LogOperation } from '../../wal/format/record.ts';
import { formatVersion } from '../../wal/format/position.ts';
import { Waiters } from '../../leader/waiters.ts';
import { AppendedWrite, leftMsOf } from './appended-write.ts';
import type { TimedWrite } from './appended-write.ts';
import type { AckLevel, Condition, WriteRequest, WriteResult } from '../api/api.ts';
import { checkCount, checkItems } from './check-request.ts';
import { CommitWait } from './commit-wait.ts';
import { Deadline } from './deadline.ts';
import { isLarge, ITEMS_PER_TURN, prepareLarge, toLogged } from './large-write.ts';
import type { Prepared } from './large-write.ts';
import { PendingBytes } from './pending-bytes.ts';
import type { Replica } from '../replica/replica.ts';
import { judgeVersion, replaced } from './versions.ts';
import { WriteHold } from './write-hold.ts';
import type { PauseReason } from './write-hold.ts';

/** Number of writes that may wait at one time for their level, or for the proof of a failed condition. */
export const WRITE_WAITERS_MAX = 100_000;

/**
 * Number and bytes of writes that have an LSN and are not applied: a state that lags the commits slows writing down.
 */
export const UNAPPLIED_WRITES_MAX = 1_000_000;
export const UNAPPLIED_BYTES_MAX = 256 * MiB;

/**
 * Milliseconds that a new leader holds up writes at most until its EPOCH record is committed; after that they are
 * rejected with NO_QUORUM.
 */
export const BEGINNING_MS_MAX = 1_000;

export interface WritePathOptions {
  readonly replica: Replica;
  readonly leader: Leader;
  /**
   * Writes that earlier leaderships left in the log above the applied state: conditions see them too. The write path
   * owns it from now on.
   */
  readonly inherited: Overlay;
  readonly clock: Clock;
  readonly quorum: number;
  readonly voterCount: number;
  /** Bytes of log that may have an LSN and not be committed. */
  readonly uncommittedBytesMax: number;
}

/**
 * Path of the writes of one leadership: judged, appended, and answered when they have reached the level that the client asked for.
 *
 * Three outcomes, never mixed up. *Rejected*: no LSN was given, nothing was written. *Acknowledged*: the level was reached.
 * *Indeterminate*: there is an LSN and the level was not reached in time, or leadership was lost; it may still commit.
 */
export class WritePath {
  readonly #options: WritePathOptions;
  readonly #overlay: Overlay;
  readonly #uncommitted = new PendingBytes();
  readonly #unapplied = new PendingBytes();
  readonly #durable: Waiters<WriteResult>;
  readonly #committed: Waiters<WriteResult>;
  readonly #everywhere: Waiters<WriteResult>;
  /** Failed conditions that wait until the records they were judged by are committed. */
  readonly #judgements: Waiters;
  readonly #hold: WriteHold;
  readonly #commitWait = new CommitWait();
  /** Age of this leadership. */
  readonly #age = new TickTimer();
  #ended: WalshipError | undefined;

  constructor(options: WritePathOptions) {
    this.#options = options;
    options.replica.localAcks.leads(options.leader.epoch);
    this.#durable = new Waiters(options.clock);
    this.#committed = new Waiters(options.clock);
    this.#everywhere = new Waiters(options.clock);
    this.#judgements = new Waiters(options.clock);
    this.#hold = new WriteHold(options.clock);
    // The followers are about to connect: writes in the meantime are not refused for lack of them.
    if (!this.#begun) this.#hold.pause('beginning');
    this.#overlay = options.inherited;
    this.#overlay.appliedUpTo(options.replica.applier.settledLsn);
  }

  /** True if a quorum follows this leadership. */
  get #begun(): boolean {
    const { replica, leader } = this.#options;
    return replica.committedLsn >= leader.ownEpochLsn;
  }

  /** Milliseconds for which a record with an LSN has not been committed; 0 where all are. */
  get commitWaitMs(): number {
    return this.#commitWait.ms;
  }

  get uncommittedBytes(): number {
    return this.#uncommitted.bytes;
  }

  /** Counts for the bounds. */
  get counts() {
    return {
      waiting:
        this.#durable.count +
        this.#committed.count +
        this.#everywhere.count +
        this.#judgements.count,
      held: this.#hold.count,
      uncommittedBytes: this.#uncommitted.bytes,
      unapplied: this.#overlay.count,
      unappliedBytes: this.#unapplied.bytes,
    };
  }

  /** Pauses writing: from this turn on no write gets an LSN; new writes wait in a bounded queue. */
  pause(reason: PauseReason): void {
    this.#hold.pause(reason);
  }

  resume(reason: PauseReason): void {
    this.#hold.resume(reason);
  }

  write(request: TimedWrite): Promise<WriteResult> {
    if (this.#hold.paused && this.#ended === undefined) return this.#writeLater(request);
    try {
      this.#admit(request);
      if (isLarge(request)) return this.#writeInTurns(request);
      if (request.conditions.length > 0) return this.#writeIf(request);
      return request.ops.length === 0 ? this.#onlyConditions(request) : this.#append(request);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #writeLater(request: TimedWrite): Promise<WriteResult> {
    const deadline = request.deadline ?? new Deadline(this.#options.clock, request.timeoutMs);
    const held = { ...request, deadline };
    await this.#hold.wait(held);
    return this.write(held);
  }

  async #writeIf(request: TimedWrite): Promise<WriteResult> {
    const fault = this.#judgeAll(request.conditions);
    if (fault !== undefined) return this.#refuse(request, fault);
    return request.ops.length === 0 ? this.#onlyConditions(request) : this.#append(request);
  }

  async #refuse(request: TimedWrite, fault: WalshipError): Promise<never> {
    await this.#proveJudgement(leftMsOf(request));
    throw fault;
  }

  /**
   * Writes many items in several turns: no other write gets an LSN between its first turn and its last, so that its
   * judgement stays true.
   */
  async #writeInTurns({ deadline, ...rest }: TimedWrite): Promise<WriteResult> {
    const { clock, replica } = this.#options;
    const { log } = replica;
    const request = { ...rest, deadline: deadline ?? new Deadline(clock, rest.timeoutMs) };
    let step: IteratorResult<void, Prepared>;
    let heldUp: boolean;
    this.#hold.pause('large');
    try {
      const steps = prepareLarge(request, {
        judgeAll: (conditions) => this.#judgeAll(conditions),
        nextLsn: () => log.last.lsn + 1,
      });
      for (step = steps.next(); step.done !== true; step = steps.next()) {
        await nextTurn(clock);
        if (this.#ended !== undefined) throw this.#ended;
      }
    } finally {
      heldUp = this.#hold.pausedBeside('large');
      // Waiting writes continue after this turn: by then these operations have their LSNs.
      this.#hold.resume('large');
    }
    const prepared = step.value;
    if (prepared.kind === 'refused') return this.#refuse(request, prepared.fault);
    // Another reason may hold up writing by now.
    if (heldUp) return this.#writeLater(request);
    if (prepared.kind === 'conditions') return this.#onlyConditions(request);
    const { ops, transaction } = prepared;
    const lsn = log.appendPrepared(transaction);
    return this.#appended(request, ops, lsn, transaction.recordsBytes);
  }

  /** Appends a write. Little is kept of it until its level is reached: thousands may be pending. */
  #append(request: TimedWrite): Promise<WriteResult> {
    const ops = request.ops.map(toLogged);
    const lsn = this.#options.replica.log.append(ops);
    return this.#appended(request, ops, lsn, operationsBytes(ops));
  }

  /** Registers a write that has its LSNs, up to `lsn`. */
  #appended(request: TimedWrite, ops: readonly LogOperation[], lsn: number, bytes: number) {
    const sealedLsn = this.#options.replica.log.written.lsn;
    this.#uncommitted.add(lsn, bytes, sealedLsn);
    this.#unapplied.add(lsn, bytes, sealedLsn);
    this.#note(ops, lsn - ops.length + 1);
    return this.#waitersOf(request.ack).wait(new AppendedWrite(request, lsn, this.#options));
  }

  /**
   * Makes these operations visible to conditions of later writes; a long list takes several turns, and no write is
   * judged before all of it is there.
   */
  #note(ops: readonly LogOperation[], firstLsn: number, start = 0): void {
    const end = Math.min(ops.length, start + ITEMS_PER_TURN);
    for (let index = start; index < end; index += 1) {
      const { op, key } = ops[index] as LogOperation;
      this.#overlay.note(firstLsn + index, op, key);
    }
    if (end < ops.length) {
      this.#hold.pause('large');
      this.#options.clock.soon(() => this.#note(ops, firstLsn, end));
    } else if (start > 0) {
      this.#hold.resume('large');
    }
  }

  durableMoved(): void {
    const { replica } = this.#options;
    this.#durable.reach(replica.log.durable.lsn);
    this.progressed();
  }

  committedMoved(): void {
    const { committedLsn } = this.#options.replica;
    this.#uncommitted.reached(committedLsn);
    this.#committed.reach(committedLsn);
    this.#judgements.reach(committedLsn);
    if (this.#begun) this.#hold.resume('beginning');
    this.progressed();
  }

  appliedMoved(): void {
    const { settledLsn } = this.#options.replica.applier;
    this.#overlay.appliedUpTo(settledLsn);
    this.#unapplied.reached(settledLsn);
  }

  /** Completes writes that wait for every voter, after a follower has progressed. */
  progressed(): void {
    if (this.#everywhere.count === 0) return;
    const { leader, replica, voterCount } = this.#options;
    const counting = leader.sessions.filter(({ counts }) => counts);
    if (counting.length + 1 < voterCount) return;
    const lsns = counting.map(({ durableLsn }) => durableLsn);
    this.#everywhere.reach(Math.min(replica.log.durable.lsn, replica.committedLsn, ...lsns));
  }

  /** Checks deadlines and frees memory. Call it every TICK_MS. */
  tick(): void {
    this.#age.tick();
    const { replica } = this.#options;
    this.#commitWait.tick(replica.committedLsn, replica.log.last.lsn);
    // The overlay of many writes that were applied at once is freed now.
    this.appliedMoved();
    if (this.#age.ms >= BEGINNING_MS_MAX) this.#hold.resume('beginning');
    this.#durable.expire();
    this.#committed.expire();
    this.#everywhere.expire();
    this.#judgements.expire();
    this.#hold.expire();
  }

  /** Ends the path, because leadership is over or the disk failed: everything that has an LSN is indeterminate now. */
  end(code: 'STALE_EPOCH' | 'DISK_FAILED' | 'NODE_CLOSED', why: string): void {
    if (this.#ended !== undefined) return;
    const { epoch } = this.#options.leader;
    this.#ended = new WalshipError('NO_LEADER', `this node is no longer the leader: ${why}`, {
      outcome: 'rejected',
    });
    this.#hold.fail(this.#ended);
    const all = [this.#durable, this.#committed, this.#everywhere, this.#judgements];
    for (const waiters of all) {
      waiters.fail(
        (lsn) =>
          new WalshipError(code, `${why}; the write may still commit`, {
            outcome: 'indeterminate',
            details: { version: formatVersion({ epoch, lsn }) },
          }),
      );
    }
  }

  /** Checks all that can be known before an LSN is given: a write that fails here was certainly not written. */
  #admit(request: WriteRequest): void {
    if (this.#ended !== undefined) throw this.#ended;
    checkCount(request);
    if (!isLarge(request)) checkItems(request);
    const { leader, quorum, voterCount, uncommittedBytesMax } = this.#options;
    const needed = request.ack === 'all' ? voterCount : leader.votersNeeded;
    const present = leader.countingVoters;
    if (present < needed) {
      const what =
        needed > quorum && request.ack !== 'all' ? 'the first commit' : `ack=${request.ack}`;
      throw new WalshipError(
        'NO_QUORUM',
        `${present} voters are connected and count, ${needed} are needed for ${what}`,
        { outcome: 'rejected', details: { present, needed } },
      );
    }
    const { waiting, uncommittedBytes, unapplied, unappliedBytes } = this.counts;
    if (waiting >= WRITE_WAITERS_MAX) {
      const message = `${waiting} writes already wait, the limit is ${WRITE_WAITERS_MAX}`;
      throw new WalshipError('BUSY', message, { outcome: 'rejected', details: { waiting } });
    }
    if (uncommittedBytes > uncommittedBytesMax) {
      throw new WalshipError(
        'BUSY',
        `${uncommittedBytes} bytes wait to be committed, the limit is ${uncommittedBytesMax}`,
        { outcome: 'rejected', details: { uncommittedBytes, uncommittedBytesMax } },
      );
    }
    if (unapplied > UNAPPLIED_WRITES_MAX || unappliedBytes > UNAPPLIED_BYTES_MAX) {
      throw new WalshipError(
        'BUSY',
        `${unapplied} writes of ${unappliedBytes} bytes wait to be applied here`,
        { outcome: 'rejected', details: { unapplied, unappliedBytes } },
      );
    }
  }

  #judgeAll(conditions: readonly Condition[]): WalshipError | undefined {
    for (const condition of conditions) {
      const fault = this.#judge(condition);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** Judges a condition against the applied state and every record in the log above it: a pending write counts. */
  #judge({ key, expect }: Condition): WalshipError | undefined {
    const { replica } = this.#options;
    const lsn = this.#overlay.lsnOf(key) ?? replica.store.lsnOf(key);
    if (expect === 'absent' ? lsn === 0 : expect === 'present' && lsn !== 0) return undefined;
    const current = lsn === 0 ? null : { epoch: replica.log.epochAt(lsn), lsn };
    if (typeof expect === 'object') {
      const judged = judgeVersion(replica.log.epochs, expect);
      if (judged.kind === 'replaced') return replaced(expect, judged, keyToJson(key));
      if (current !== null && current.lsn === expect.lsn && current.epoch === expect.epoch) {
        return undefined;
      }
    }
    const is = current === null ? 'absent' : `at version ${formatVersion(current)}`;
    const wanted = typeof expect === 'object' ? `version ${formatVersion(expect)}` : expect;
    return new WalshipError('CONDITION_FAILED', `the key is ${is}, expected ${wanted}`, {
      outcome: 'rejected',
      details: { version: current === null ? null : formatVersion(current), ...keyToJson(key) },
    });
  }

  /**
   * Proves a failed condition. It tells the client what the key holds, so it is told only once that is committed, and
   * once it is certain that no newer leader had replaced it when the question came.
   */
  async #proveJudgement(timeoutMs: number): Promise<void> {
    const { replica, leader } = this.#options;
    try {
      await Promise.all([
        this.#committedAt(replica.log.last.lsn, timeoutMs),
        leader.prove(timeoutMs),
      ]);
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      const code = error.code === 'STALE_EPOCH' ? 'NO_LEADER' : error.code;
      throw new WalshipError(code, `the condition could not be judged: ${error.message}`, {
        outcome: 'rejected',
        cause: error,
      });
    }
  }

  async #onlyConditions(request: TimedWrite): Promise<WriteResult> {
    const { leader, replica } = this.#options;
    // The conditions were judged by all that has an LSN, applied or not.
    const { lsn } = replica.log.last;
    await this.#proveJudgement(leftMsOf(request));
    const version = { epoch: replica.log.epochAt(lsn), lsn };
    return { version, ack: request.ack, durableOn: leader.durableOn(version.lsn) };
  }

  async #committedAt(lsn: number, timeoutMs: number): Promise<void> {
    if (this.#options.replica.committedLsn >= lsn) return;
    await this.#judgements.wait({
      mark: lsn,
      timeoutMs,
      reached: () => undefined,
      expired: () =>
        new WalshipError('WAIT_TIMEOUT', `LSN ${lsn} was not committed within ${timeoutMs} ms`),
    });
  }

  #waitersOf(ack: AckLevel): Waiters<WriteResult> {
    if (ack === 'quorum') return this.#committed;
    return ack === 'local' ? this.#durable : this.#everywhere;
  }
}
