import type { Clock } from '../ports/clock.ts';
import type { Link } from '../ports/link.ts';
import { decodeMessage, encodeMessage } from '../protocol/codec.ts';
import type { Ack, ControlMessage, Hello } from '../protocol/messages.ts';
import { FRAME_BYTES_MAX } from '../protocol/messages.ts';
import { framesOf } from '../protocol/pieces.ts';
import { TickTimer } from '../ports/tick-timer.ts';
import type { LogChunk } from '../wal/format/chunk.ts';
import type { Log } from '../wal/log.ts';
import { MiB } from '../ports/units.ts';
import type { Position } from '../wal/format/position.ts';
import { ReadAhead } from '../wal/read/read-ahead.ts';
import { ProbeNumbers } from './probes.ts';
import { FrameSender } from './frame-sender.ts';
import { fromFollower, INITIAL_PROGRESS } from './from-follower.ts';
import { InFlight } from './in-flight.ts';
import { LINK_BYTES_MAX, BufferPool } from './buffer-pool.ts';
import { SnapshotSender, type SnapshotSource } from './snapshot-sender.ts';
import type { VoterState } from '../wal/format/voter-state.ts';

/** Bytes read from the files in one read. */
const AHEAD_BYTES = 4 * MiB;

/** Milliseconds that a commit waits for a frame that carries it anyway; twice as long while frames keep going out. */
export const COMMIT_NOTICE_MS = 2;

export interface SessionOptions {
  readonly link: Link;
  readonly log: Log;
  readonly clock: Clock;
  readonly hello: Hello;
  readonly epoch: number;
  readonly voter: boolean;
  /** Position where the follower continues: the end of a batch that both logs have. */
  readonly from: Position;
  /** Snapshot to send first: `from` is its start. */
  readonly offer?: SnapshotSource | undefined;
  readonly committedLsn: () => number;
  readonly hooks: SessionHooks;
}

export interface SessionHooks {
  /** Reports that more is durable there, or that it counts now: the commit rule has to be applied again. */
  progressed(session: Session): void;
  probed(session: Session): void;
  /** Reports a sign of life of a follower that is being sent a snapshot. */
  heard(session: Session): void;
  /** Reports the end of the session. Called once. */
  closed(session: Session, reason: string): void;
}

/**
 * The leader's side of one follower: a cursor into the log, never a queue of copies. Recent batches come from memory, older ones
 * from the segment files; shipping pauses while the link or the follower is busy, and a slow follower costs the
 * others nothing.
 *
 * Invariant: `durableLsn` rises only by acks of this session whose chain equals the leader's.
 */
export class Session {
  readonly nodeId: string;
  readonly run: string;
  readonly voter: boolean;
  readonly hello: Hello;
  readonly sinceMs: number;
  readonly #options: SessionOptions;
  readonly #buffers = new BufferPool();
  readonly #frames: FrameSender;
  readonly #inFlight = new InFlight();
  /** Sender of a snapshot, while one is being sent; no log is shipped in that time. */
  #sender: SnapshotSender | undefined;
  #cursor: Position;
  #durable: Position | undefined;
  #told = INITIAL_PROGRESS;
  #state: VoterState;
  #confirmed = false;
  readonly #probes = new ProbeNumbers();
  readonly #silence = new TickTimer();
  #sentMs: number;
  #sentCommitLsn = 0;
  #behindSinceMs: number | undefined;
  #reading = false;
  /** Read-ahead buffer, kept while the files are read. */
  #ahead: ReadAhead | undefined;
  #pumpSoon = false;
  #noticeDue = false;
  #closed = false;
  #intactOffered = false;
  #declined: { readonly code: string; readonly message: string } | undefined;

  constructor(options: SessionOptions) {
    const { hello, clock, from } = options;
    this.#options = options;
    this.#frames = new FrameSender(options.link, this.#buffers, () => this.#flushed());
    this.nodeId = hello.nodeId;
    this.run = hello.run;
    this.voter = options.voter;
    this.hello = hello;
    this.#state = hello.state;
    this.#cursor = from;
    this.#inFlight.send(from, 0);
    const { offer } = options;
    if (offer !== undefined) {
      const onFailed = (reason: string): void => this.close(`SNAPSHOT_INVALID: ${reason}`);
      const buffers = this.#buffers;
      this.#sender = new SnapshotSender({ ...options, source: offer, buffers, onFailed });
    }
    this.sinceMs = clock.nowMs();
    this.#sentMs = this.sinceMs;
  }

  /** True for an intact voter whose process is the one at that voter's address: it counts for W. */
  get counts(): boolean {
    return !this.#closed && this.voter && this.#state === 'intact' && this.#confirmed;
  }

  get state(): VoterState {
    return this.#state;
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  /** Position acknowledged in this session; a hello's own position never counts. */
  get durable(): Position | undefined {
    return this.#durable;
  }

  get durableLsn(): number {
    return this.#durable?.lsn ?? 0;
  }

  get receivedLsn(): number {
    return this.#told.receivedLsn;
  }

  get appliedLsn(): number {
    return this.#told.appliedLsn;
  }

  /** True if the follower's disk has space for another segment, by its last ack. */
  get writable(): boolean {
    return this.#told.writable;
  }

  /** Reason why it did not take over the lead when it was last asked to. */
  get declined(): { readonly code: string; readonly message: string } | undefined {
    return this.#declined;
  }

  /** Highest probe number that it answered. */
  get probedNumber(): number {
    return this.#probes.answered;
  }

  /** Milliseconds without a message, counted only while this node was able to hear one. */
  get silentMs(): number {
    return this.#silence.ms;
  }

  /** LSN after which shipping continues. */
  get sentLsn(): number {
    return this.#cursor.lsn;
  }

  /** Bytes sent and not acknowledged. */
  get inFlightBytes(): number {
    return this.#inFlight.bytes;
  }

  /** Progress of the snapshot that is being sent to it; undefined where none is. */
  get snapshot(): Pick<SnapshotSender, 'source' | 'gotBytes'> | undefined {
    return this.#sender;
  }

  /** Milliseconds since it was last durable at the leader's end of log. */
  get lagMs(): number {
    return this.#behindSinceMs === undefined
      ? 0
      : this.#options.clock.nowMs() - this.#behindSinceMs;
  }

  /** Takes over the link; the answer to the hello has been sent. */
  start(): void {
    this.#options.link.receive({
      onMessage: (bytes) => this.#receive(bytes),
      onClose: (reason) => this.close(reason),
    });
    this.#sender?.offer();
    this.pump();
  }

  /** Confirms that the process at the voter's own address is this one: its acks count from now on. */
  confirmIdentity(): void {
    this.#confirmed = true;
    this.#options.hooks.progressed(this);
  }

  probe(number: number): void {
    this.#probes.asked = number;
    this.#send({ kind: 'probe', epoch: this.#options.epoch, number });
  }

  /** Tells a suspect or blank voter, once, that the rule for becoming intact is met. */
  offerIntact(at: Position): void {
    if (this.#intactOffered) return;
    this.#intactOffered = true;
    this.#send({ kind: 'intact', epoch: this.#options.epoch, at });
  }

  /**
   * Asks this follower, in a switchover, to stand for the next epoch. `at` is the end of the log, and durable there.
   */
  handOver(at: Position): void {
    this.#declined = undefined;
    this.#send({ kind: 'hand-over', epoch: this.#options.epoch, at });
  }

  /** Closes the session; idempotent. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sender?.close();
    this.#options.link.close(reason);
    this.#options.hooks.closed(this, reason);
  }

  /** Sends a heartbeat, and the commit LSN where no frame carries it. Called every TICK_MS; waits for no disk. */
  tick(heartbeatMs: number): void {
    this.#silence.tick();
    this.#buffers.tick();
    if (this.#options.clock.nowMs() - this.#sentMs >= heartbeatMs) this.#sendEmpty();
  }

  /**
   * Announces a higher commit LSN, unless a frame with log bytes carries it first. Under load one always does, and a
   * separate message for each commit would wake every node each time.
   */
  committedMoved(): void {
    if (this.#noticeDue || this.#closed) return;
    this.#noticeDue = true;
    const { clock, committedLsn } = this.#options;
    const committed = committedLsn();
    clock.after(COMMIT_NOTICE_MS, () => {
      this.#noticeDue = false;
      if (this.#closed) return;
      if (this.#sentCommitLsn < committed) this.#sendEmpty();
      else if (this.#sentCommitLsn < committedLsn()) this.committedMoved();
    });
  }

  /** Sends pending batches in a later turn: all that one turn makes durable goes out together. */
  pumpLater(): void {
    if (this.#pumpSoon || this.#closed) return;
    this.#pumpSoon = true;
    this.#options.clock.soon(() => {
      this.#pumpSoon = false;
      this.pump();
    });
  }

  pump(): void {
    this.#noteLag();
    const { log } = this.#options;
    while (this.#mayShip()) {
      const chunk = log.recentAfter(this.#cursor.lsn, FRAME_BYTES_MAX);
      if (chunk === undefined) {
        this.#read();
        return;
      }
      this.#ahead = undefined;
      this.#sendChunk(chunk);
    }
    // Drop the read-ahead buffer once the follower is caught up.
    if (this.#cursor.lsn >= log.durable.lsn) this.#ahead = undefined;
  }

  #mayShip(): boolean {
    const { log, link } = this.#options;
    return (
      !this.#closed &&
      !this.#reading &&
      this.#sender === undefined &&
      this.#cursor.lsn < log.durable.lsn &&
      link.bufferedBytes < LINK_BYTES_MAX &&
      !this.#inFlight.full
    );
  }

  /** Reads from the files a batch that is no longer in memory. */
  #read(): void {
    this.#reading = true;
    this.#ahead ??= new ReadAhead({ bytes: AHEAD_BYTES, placesMax: 1, reused: true });
    this.#options.log.chunkAfter(this.#cursor.lsn, FRAME_BYTES_MAX, this.#ahead).then(
      (chunk) => {
        this.#reading = false;
        if (chunk === undefined || this.#closed) return;
        this.#sendChunk(chunk);
        this.pump();
      },
      (error: unknown) => this.close(`reading the log failed: ${String(error)}`),
    );
  }

  #sendChunk(chunk: LogChunk): void {
    this.#sendFrames(chunk);
    this.#inFlight.send(chunk.last, chunk.bytes.length);
    this.#cursor = chunk.last;
  }

  #sendEmpty(): void {
    this.#sendFrames({ bytes: Buffer.alloc(0), previous: this.#cursor });
  }

  #sendFrames(chunk: Pick<LogChunk, 'bytes' | 'previous'>): void {
    const { epoch, committedLsn, clock } = this.#options;
    const commitLsn = committedLsn();
    for (const frame of framesOf(chunk, { epoch, commitLsn })) this.#frames.send(frame);
    this.#sentCommitLsn = commitLsn;
    this.#sentMs = clock.nowMs();
  }

  #flushed(): void {
    if (this.#mayShip()) this.pumpLater();
  }

  #send(message: ControlMessage): void {
    if (this.#closed) return;
    this.#options.link.send(encodeMessage(message));
  }

  #receive(bytes: Buffer): void {
    if (this.#closed) return;
    const decoded = decodeMessage(bytes);
    if (decoded.kind !== 'message') {
      this.close('PROTOCOL_ERROR: not a walship message');
      return;
    }
    this.#silence.reset();
    const { message } = decoded;
    const { epoch, hooks } = this.#options;
    if (!fromFollower(message)) {
      this.close(`PROTOCOL_ERROR: a ${message.kind} message inside a session`);
      return;
    }
    if (message.epoch !== epoch) {
      this.close(`STALE_EPOCH: a message of epoch ${message.epoch} in epoch ${epoch}`);
      return;
    }
    switch (message.kind) {
      case 'ack':
        this.#acknowledged(message);
        return;
      case 'probed':
        if (this.#probes.answer(message.number)) hooks.probed(this);
        else this.close(`PROTOCOL_ERROR: an answer to probe ${message.number}, never asked`);
        return;
      case 'want':
      case 'got': {
        hooks.heard(this);
        const fault = this.#sender?.receive(message);
        if (fault !== undefined) this.close(`PROTOCOL_ERROR: ${fault}`);
        return;
      }
      case 'is-intact':
        if (this.#intactOffered) this.#state = 'intact';
        hooks.progressed(this);
        return;
      case 'declined':
        this.#declined = { code: message.code, message: message.message };
        hooks.progressed(this);
    }
  }

  #acknowledged(ack: Ack): void {
    // The first ack says that the snapshot is installed: from here on it is a follower like any other.
    this.#sender?.close();
    this.#sender = undefined;
    this.#told = ack;
    if (ack.durableLsn !== this.#durable?.lsn) {
      const ours = this.#inFlight.acknowledge(ack.durableLsn);
      if (ours === undefined) {
        this.close(`PROTOCOL_ERROR: an ack of LSN ${ack.durableLsn}, where nothing sent ends`);
        return;
      }
      if (ours.chain !== ack.chain) {
        this.close(
          `CHAIN_MISMATCH: at LSN ${ack.durableLsn}: ${ack.chain}, expected ${ours.chain}`,
        );
        return;
      }
      this.#durable = ours;
    }
    this.#noteLag();
    this.#options.hooks.progressed(this);
    if (this.#mayShip()) this.pump();
  }

  #noteLag(): void {
    if (this.durableLsn >= this.#options.log.durable.lsn) this.#behindSinceMs = undefined;
    else this.#behindSinceMs ??= this.#options.clock.nowMs();
  }
}
