import type { Link } from '../ports/link.ts';
import { isWalshipError } from '../errors.ts';
import { decodeMessage, encodeMessage } from '../protocol/codec.ts';
import type {
  Answer,
  BecomeIntact,
  ControlMessage,
  Frame,
  HandOver,
  Hello,
} from '../protocol/messages.ts';
import { PieceAssembler } from '../protocol/pieces.ts';
import { TickTimer } from '../ports/tick-timer.ts';
import { becomeIntact } from './become-intact.ts';
import { cutTail } from './cut-tail.ts';
import type { FollowerHost } from './host.ts';
import { Inbox, lastLsn, type NextWrite } from './inbox.ts';
import type { SessionEnd } from './session-end.ts';
import { SnapshotIntake } from './snapshot-intake.ts';
import { takeOver } from './take-over.ts';

/** Fraction of the silence limit after which a follower answers the next frame, even an empty one. */
const QUIET_PART = 0.05;

/**
 * Follower's side of replication: one link to one leader, from hello to the end.
 *
 *   hello  →  answer: continue | truncate | snapshot | refuse
 *   promise fsynced  →  (tail saved and cut, or snapshot installed)  →  first ack
 *   frame: checked whole  →  written and fsynced  →  ack  →  applied up to the commit LSN
 *
 * Invariant: before it truncates, writes or acks for epoch E, this node has fsynced a promise of at least E.
 * Invariant: nothing is acknowledged before it is durable, or while the fence is above the session's epoch.
 */
export class FollowerSession {
  readonly #host: FollowerHost;
  readonly #link: Link;
  readonly #silenceMs: number;
  readonly #inbox = new Inbox();
  readonly #pieces = new PieceAssembler((bytes) => this.#inbox.room(bytes));
  #intake: SnapshotIntake | undefined;
  readonly #ended: Promise<SessionEnd>;
  #end!: (end: SessionEnd) => void;
  readonly #steps = new Set<Promise<void>>();
  #over = false;
  #epoch = 0;
  #leader: string | null = null;
  #followed = false;
  #answered = false;
  #commitLsn = 0;
  #committedAtStart = 0;
  #writing = false;
  #receivedLsn = 0;
  #ackedMs = -Infinity;
  #heardMs: number;
  readonly #silence = new TickTimer();

  constructor(host: FollowerHost, link: Link, silenceMs: number) {
    this.#host = host;
    this.#link = link;
    this.#silenceMs = silenceMs;
    this.#heardMs = host.clock.nowMs();
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get followed(): boolean {
    return this.#followed && !this.#over;
  }

  /** True if a leader accepted this node, and is followed, or sends it a snapshot first. */
  get hearing(): boolean {
    return (this.#followed || this.#intake !== undefined) && !this.#over;
  }

  /**
   * The leader's commit LSN when this node began to follow: until it is applied here, this node lacks writes that
   * clients were told of.
   */
  get committedAtStart(): number {
    return this.#committedAtStart;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get leader(): string | null {
    return this.#leader;
  }

  /** Arrival time of the last message, on the monotonic clock. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Milliseconds without a message, counted only while this node was able to hear one. */
  get silentMs(): number {
    return this.#silence.ms;
  }

  get receivedLsn(): number {
    return Math.max(this.#receivedLsn, this.#host.log.durable.lsn);
  }

  /** Says hello, and follows until the session ends. Rejects only if this node's own disk failed. */
  async run(hello: Hello): Promise<SessionEnd> {
    this.#link.receive({
      onMessage: (bytes) => this.#receive(bytes),
      onClose: (reason) => this.#finish('LINK_CLOSED', reason),
    });
    this.#send(hello);
    const end = await this.#ended;
    // Pending disk work (a write, a cut, the beginning of a log) ends before anybody else may use the log.
    await Promise.allSettled(this.#steps);
    await this.#host.log.drained();
    return end;
  }

  /** Ends the session after too long a silence. Call it every few milliseconds. */
  tick(): void {
    this.#silence.tick();
    if (this.#silence.ms > this.#silenceMs) {
      this.#finish('LEADER_SILENT', `nothing was heard for ${this.#silenceMs} ms`);
    }
  }

  /** Ends the session if a higher epoch is promised: nothing more of this epoch is acknowledged. */
  fenced(fence: number): void {
    if (this.#answered && this.#epoch < fence) {
      this.#finish('STALE_EPOCH', `epoch ${fence} is promised, above the leader's ${this.#epoch}`);
    }
  }

  close(reason: string): void {
    this.#finish('NODE_CLOSED', reason);
  }

  #finish(code: string, message: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#link.close(`${code}: ${message}`);
    this.#intake?.end();
    this.#end({ code, message, leader: this.#leader, followed: this.#followed });
  }

  #send(message: ControlMessage): void {
    if (!this.#over) this.#link.send(encodeMessage(message));
  }

  #receive(bytes: Buffer): void {
    if (this.#over) return;
    const decoded = decodeMessage(bytes);
    if (decoded.kind !== 'message') {
      this.#finish('PROTOCOL_ERROR', 'the leader sent something that is no walship message');
      return;
    }
    this.#heardMs = this.#host.clock.nowMs();
    this.#silence.reset();
    const { message } = decoded;
    switch (message.kind) {
      case 'answer':
        this.#track(this.#answer(message));
        return;
      case 'frame':
        this.#frame(message);
        return;
      case 'offer':
      case 'piece':
        if (this.#current(message.epoch)) this.#intake?.receive(message);
        return;
      case 'probe':
        if (this.#followed && this.#current(message.epoch)) {
          this.#send({ kind: 'probed', epoch: message.epoch, number: message.number });
        }
        return;
      case 'intact':
        if (this.#current(message.epoch)) this.#track(this.#becomeIntact(message));
        return;
      case 'hand-over':
        if (this.#followed && this.#current(message.epoch)) this.#track(this.#takeOver(message));
        return;
      default:
        this.#finish('PROTOCOL_ERROR', `a leader does not send ${message.kind}`);
    }
  }

  /** Tracks a step that waits for the disk: a failure ends the session, and `run` reports it. */
  #track(step: Promise<void>): void {
    this.#steps.add(step);
    step
      .finally(() => this.#steps.delete(step))
      .catch((error: unknown) => {
        if (!isWalshipError(error)) throw error;
        this.#finish(error.code, error.message);
      });
  }

  #current(epoch: number): boolean {
    return (
      !this.#over && this.#answered && epoch === this.#epoch && this.#host.fence <= this.#epoch
    );
  }

  async #answer(answer: Answer): Promise<void> {
    if (this.#answered) {
      this.#finish('PROTOCOL_ERROR', 'a second answer to one hello');
      return;
    }
    this.#answered = true;
    this.#leader = answer.leader;
    this.#epoch = answer.epoch;
    if (answer.verdict === 'refuse') {
      this.#refused(answer);
      return;
    }
    if (answer.verdict === 'snapshot') {
      const { epoch } = answer;
      this.#intake = new SnapshotIntake({
        epoch,
        open: (offer) => this.#host.openSnapshot(offer, answer),
        begun: (offset, bytes) =>
          this.#host.info('SNAPSHOT_WANTED', `from byte ${offset} of ${bytes}: ${answer.message}`),
        send: (message) => this.#send(message),
        current: () => this.#current(epoch),
      });
    }
    const refused = await this.#host.enter(answer);
    if (refused !== undefined || this.#over) {
      this.#finish(refused?.code ?? 'NODE_CLOSED', refused?.message ?? 'it closed');
      return;
    }
    if (!(await this.#host.promiseToFollow(answer.epoch)) || !this.#current(answer.epoch)) {
      this.#finish(
        'STALE_EPOCH',
        `a leader of epoch ${answer.epoch}, below the promise of ${this.#host.fence}`,
      );
      return;
    }
    if (!(await this.#adopt(answer)) || !this.#current(answer.epoch)) return;
    this.#followed = true;
    // Heartbeats that came during a snapshot carry a newer commit LSN than the answer before it.
    this.#committedAtStart = Math.max(this.#commitLsn, answer.commitLsn);
    this.#inbox.continueFrom(this.#host.log.durable);
    this.#host.setMatched(answer.at.lsn);
    this.#host.following(answer.leader ?? '', answer.epoch);
    this.#learn(answer.commitLsn);
    this.#ack();
    this.#write();
  }

  #refused({ code, message, leader }: Answer): void {
    if (code === 'WRONG_CLUSTER' || code === 'CONFIG_MISMATCH' || code === 'CHAIN_MISMATCH') {
      this.#host.alarm(code, `${leader ?? 'a node'} refuses this one: ${message}`, false);
    }
    this.#finish(code, message);
  }

  /**
   * Brings the log to the place that the leader continues from. Returns false where that is impossible; the session
   * is over then.
   */
  async #adopt(answer: Answer): Promise<boolean> {
    const { log } = this.#host;
    const { verdict, at, clusterId, historyId } = answer;
    if (this.#intake !== undefined) return this.#takeIn(this.#intake);
    if (log.identity === undefined) {
      if (clusterId === null || historyId === null || at.lsn !== 0) {
        this.#finish('PROTOCOL_ERROR', 'an answer to a blank node without the cluster id');
        return false;
      }
      await this.#host.begin({ clusterId, historyId });
      return true;
    }
    if (verdict === 'continue') {
      if (at.lsn === log.durable.lsn && (at.lsn === 0 || at.chain === log.durable.chain)) {
        return true;
      }
      this.#finish('PROTOCOL_ERROR', `to go on from LSN ${at.lsn}, not from ${log.durable.lsn}`);
      return false;
    }
    const cut = await cutTail(this.#host, answer, () => this.#current(answer.epoch));
    if (cut.kind !== 'refused') return cut.kind === 'cut';
    this.#host.alarm('CHAIN_MISMATCH', cut.message, true);
    this.#finish('CHAIN_MISMATCH', cut.message);
    return false;
  }

  #frame(frame: Frame): void {
    if (!this.#answered || frame.epoch !== this.#epoch) {
      this.#finish('STALE_EPOCH', `a frame of epoch ${frame.epoch} in a session of ${this.#epoch}`);
      return;
    }
    if (frame.bytes.length === 0) {
      this.#learn(frame.commitLsn);
      this.#intake?.alive();
      this.#ackIfQuiet();
      return;
    }
    const whole = this.#pieces.add(frame);
    if (whole.kind === 'invalid') {
      this.#finish('PROTOCOL_ERROR', whole.reason);
      return;
    }
    if (whole.kind === 'more') return;
    this.#receivedLsn = lastLsn(whole.bytes);
    this.#inbox.add(whole.bytes, frame.commitLsn);
    if (this.#inbox.full) {
      this.#finish('PROTOCOL_ERROR', `the leader sent ${this.#inbox.bytes} bytes ahead`);
      return;
    }
    this.#write();
    this.#ackIfQuiet();
  }

  /**
   * Acknowledges after a quiet time, as a sign of life however long the disk takes; right after an ack none is
   * needed.
   */
  #ackIfQuiet(): void {
    const quietMs = this.#host.clock.nowMs() - this.#ackedMs;
    if (this.#followed && quietMs >= this.#silenceMs * QUIET_PART) this.#ack();
  }

  /**
   * Takes a commit LSN. It means something only for a log that this leader has verified: not before its answer was
   * carried out.
   */
  #learn(commitLsn: number): void {
    this.#commitLsn = Math.max(this.#commitLsn, commitLsn);
    if (this.#followed) this.#host.learnCommitted(this.#commitLsn);
  }

  /** Verifies received batches while the disk is busy, and starts the next write when it is idle. */
  #write(): void {
    if (!this.#followed || this.#over || !this.#verify() || this.#writing) return;
    const next = this.#inbox.take();
    if (next === undefined) return;
    this.#writing = true;
    this.#track(this.#writeOne(next));
  }

  #verify(): boolean {
    try {
      if (this.#inbox.verify()) void this.#host.turns.next().then(() => this.#write());
      return true;
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      const from = this.#leader ?? 'the leader';
      this.#host.info(error.code, `what ${from} sent was refused: ${error.message}`);
      this.#finish(error.code, error.message);
      return false;
    }
  }

  async #writeOne({ bytes, batches, commitLsn }: NextWrite): Promise<void> {
    const durable = await this.#host.log.write(bytes, batches);
    this.#writing = false;
    // The promise may have risen while the disk worked: then the batch is written, and never acknowledged.
    if (!this.#current(this.#epoch)) return;
    // The leader waits for the ack, and the disk for the next write; applying can wait until both are under way.
    this.#ack();
    this.#write();
    this.#host.setMatched(durable.lsn);
    this.#host.durableMoved();
    this.#learn(commitLsn);
  }

  async #becomeIntact(message: BecomeIntact): Promise<void> {
    const { epoch } = message;
    const result = await becomeIntact(this.#host, message, () => this.#current(epoch));
    if (result === undefined) this.#send({ kind: 'is-intact', epoch });
    else if (result !== 'overtaken') this.#finish('CHAIN_MISMATCH', result.reason);
  }

  /**
   * Takes in a snapshot: the log no longer reaches back to this node's end. Returns false where that is impossible;
   * the session is over then.
   */
  async #takeIn(intake: SnapshotIntake): Promise<boolean> {
    const end = await intake.run();
    this.#intake = undefined;
    if (end.kind === 'invalid') {
      this.#host.info(
        'SNAPSHOT_INVALID',
        `the snapshot of ${this.#leader} was refused: ${end.reason}`,
      );
      this.#finish('SNAPSHOT_INVALID', end.reason);
    }
    if (end.kind !== 'installed') return false;
    this.#host.info('SNAPSHOT_INSTALLED', `going on from LSN ${this.#host.log.durable.lsn}`);
    return true;
  }

  async #takeOver(message: HandOver): Promise<void> {
    const declined = await takeOver(this.#host, message);
    if (declined !== undefined && this.#current(message.epoch)) this.#send(declined);
  }

  #ack(): void {
    if (!this.#current(this.#epoch)) return;
    const { log, appliedLsn, clock } = this.#host;
    this.#ackedMs = clock.nowMs();
    this.#send({
      kind: 'ack',
      epoch: this.#epoch,
      durableLsn: log.durable.lsn,
      chain: log.durable.chain,
      receivedLsn: this.receivedLsn,
      appliedLsn,
      writable: log.unwritable === undefined,
    });
  }
}
