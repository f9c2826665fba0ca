/**
 * Connection to one node: requests go out pipelined, answers come back in any order.
 *
 * Invariant: every request ends exactly once, with its answer, with its deadline, or with the link.
 */
import { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Dialer, Link } from '../ports/link.ts';
import { TICK_MS } from '../ports/tick-timer.ts';
import { answerAliases, decodeAnswer } from '../protocol/client-answers.ts';
import { CLIENT_MESSAGE_BYTES_MAX, CLIENT_PROTOCOL_VERSION } from '../protocol/client-messages.ts';
import type { ClientAnswer, ClientRequest, HelloAnswer } from '../protocol/client-messages.ts';
import { encodeRequest } from '../protocol/client-requests.ts';
import { MessageOutbox } from '../protocol/message-outbox.ts';
import { MessageSplitter } from '../protocol/message-splitter.ts';
import { errorOf, lostError, silentError } from './failures.ts';

/** Milliseconds from the open link to the node's hello. */
export const HELLO_MS_MAX = 3_000;
/** Milliseconds without any message, with requests in flight, after which the node gets a ping. */
export const PING_MS = 1_000;
/** Milliseconds of silence, with requests in flight, after which the node is given up. */
export const SILENCE_MS_MAX = 3_000;
/** Interval of pings that keep the link open without requests in flight. */
export const IDLE_PING_MS = 15_000;
/** Milliseconds that an attempt waits beyond the node's own time limit, because the node's answer tells more. */
export const GRACE_MS = 1_000;

export interface ConnectionOptions {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly address: string;
  readonly onClosed: (connection: Connection) => void;
}

interface Pending {
  readonly kind: ClientRequest['kind'];
  /** Size of the message; set when it is encoded. */
  bytes: number;
  readonly deadlineMs: number;
  resolve(answer: ClientAnswer): void;
  reject(error: WalshipError): void;
  /** Receiver of a watch's events with their sizes; undefined for other requests. */
  readonly onEvent: ((answer: ClientAnswer, bytes: number) => void) | undefined;
}

/** A request that waits until the node takes more. */
interface Queued {
  readonly id: number;
  readonly message: Buffer;
  readonly pending: Pending;
}

/** A watch that is open on a connection. */
export interface OpenWatch {
  /** Resolves when it was cancelled, rejects with the error that ended it. */
  readonly ended: Promise<ClientAnswer>;
  grant(bytes: number): void;
  cancel(): void;
}

export class Connection {
  readonly address: string;
  readonly #options: ConnectionOptions;
  readonly #link: Link;
  readonly #outbox: MessageOutbox;
  readonly #splitter: MessageSplitter;
  readonly #pending = new Map<number, Pending>();
  readonly #queued: Queued[] = [];
  #inFlightBytes = 0;
  #nextId = 1;
  /** Lower bound for all deadlines. */
  #nextDeadlineMs = Infinity;
  #hello: HelloAnswer | undefined;
  #heardMs: number;
  #pinged = false;
  #closedReason: string | undefined;
  #cancelTick: (() => void) | undefined;
  #cancelIdle: () => void = () => undefined;

  private constructor(link: Link, options: ConnectionOptions) {
    this.address = options.address;
    this.#link = link;
    this.#options = options;
    this.#heardMs = options.clock.nowMs();
    this.#outbox = new MessageOutbox(link, () => undefined);
    this.#splitter = new MessageSplitter(CLIENT_MESSAGE_BYTES_MAX, {
      admit: () => true,
      take: () => true,
      // Values are passed on to the caller: they must not alias the link's buffer.
      onMessage: (body, gathered) =>
        this.#onMessage(answerAliases(body) && !gathered ? Buffer.from(body) : body),
      onRefused: () => undefined,
    });
    link.receive({
      onMessage: (chunk) => this.#onChunk(chunk),
      onClose: (reason) => this.#closed(reason),
    });
    this.#idleLater();
  }

  /**
   * Opens a connection; resolves when the node has identified itself.
   * @throws WalshipError PEER_UNREACHABLE, UNSUPPORTED_VERSION.
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const link = await options.dialer.dial(options.address);
    const connection = new Connection(link, options);
    await connection.#greet();
    return connection;
  }

  /** Hello of the node. */
  get hello(): HelloAnswer {
    if (this.#hello === undefined) throw new Error('a connection without a hello');
    return this.#hello;
  }

  get open(): boolean {
    return this.#closedReason === undefined;
  }

  /**
   * Sends a request once; `forMs` is the time limit for the node.
   * @throws WalshipError the node's own, or PEER_UNREACHABLE, COMMIT_TIMEOUT, WAIT_TIMEOUT, PROTOCOL_ERROR; with an
   * outcome for writes.
   */
  request(request: ClientRequest, forMs: number): Promise<ClientAnswer> {
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#options.clock.nowMs() + forMs + GRACE_MS;
      const { kind } = request;
      this.#ask(request, { kind, bytes: 0, deadlineMs, resolve, reject, onEvent: undefined });
    });
  }

  /** Opens a watch; `onEvent` gets its changes and progress, in order. */
  watch(
    request: ClientRequest & { kind: 'watch' },
    onEvent: (answer: ClientAnswer, bytes: number) => void,
  ): OpenWatch {
    let id = 0;
    const ended = new Promise<ClientAnswer>((resolve, reject) => {
      const { kind } = request;
      id = this.#ask(request, { kind, bytes: 0, deadlineMs: Infinity, resolve, reject, onEvent });
    });
    const say = (message: ClientRequest): void => {
      if (this.#pending.has(id)) this.#outbox.push(encodeRequest(id, message));
    };
    return {
      ended,
      grant: (bytes) => say({ kind: 'credit', bytes }),
      cancel: () => say({ kind: 'cancel' }),
    };
  }

  /** Ends the requests in flight and closes the link; idempotent. */
  close(reason: string): void {
    if (!this.open) return;
    this.#link.close(reason);
    this.#closed(reason);
  }

  #ask(request: ClientRequest, pending: Pending): number {
    const id = this.#newId();
    if (this.#closedReason !== undefined) {
      pending.reject(
        lostError(this, { kind: request.kind, sent: false, reason: this.#closedReason }),
      );
      return id;
    }
    const message = encodeRequest(id, request);
    pending.bytes = message.length;
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, pending.deadlineMs);
    if (this.#queued.length > 0 || !this.#hasRoom(message.length)) {
      this.#queued.push({ id, message, pending });
    } else {
      this.#send(id, message, pending);
    }
    this.#tickSoon();
    return id;
  }

  #send(id: number, message: Buffer, pending: Pending): void {
    if (this.#pending.size === 0) {
      // The silence before the first request does not count.
      this.#heardMs = this.#options.clock.nowMs();
    }
    this.#pending.set(id, pending);
    this.#inFlightBytes += pending.bytes;
    this.#outbox.push(message);
  }

  #hasRoom(bytes: number): boolean {
    if (this.#hello === undefined || this.#pending.size === 0) return true;
    const { requestsMax, requestBytesMax } = this.#hello;
    return this.#pending.size < requestsMax && this.#inFlightBytes + bytes <= requestBytesMax;
  }

  #newId(): number {
    do {
      this.#nextId = this.#nextId === 0xffff_ffff ? 1 : this.#nextId + 1;
    } while (this.#pending.has(this.#nextId));
    return this.#nextId;
  }

  async #greet(): Promise<void> {
    const { address } = this;
    const hello = { kind: 'hello', protocol: CLIENT_PROTOCOL_VERSION } as const;
    let answer: ClientAnswer;
    try {
      answer = await this.request(hello, HELLO_MS_MAX - GRACE_MS);
    } catch (cause) {
      this.close('no hello');
      throw new WalshipError('PEER_UNREACHABLE', `${address} did not say hello: ${String(cause)}`, {
        cause,
      });
    }
    if (answer.kind === 'hello' && answer.protocol === CLIENT_PROTOCOL_VERSION) {
      this.#hello = answer;
      return;
    }
    this.close('another protocol');
    const message = `${address} speaks another version of the client protocol`;
    throw new WalshipError('UNSUPPORTED_VERSION', message);
  }

  #onChunk(chunk: Buffer): void {
    this.#heardMs = this.#options.clock.nowMs();
    this.#pinged = false;
    const problem = this.open ? this.#splitter.push(chunk) : undefined;
    if (problem !== undefined) this.close(`PROTOCOL_ERROR: ${problem}`);
  }

  #onMessage(body: Buffer): void {
    if (!this.open) return;
    const decoded = decodeAnswer(body);
    if (decoded.kind === 'invalid') return this.close(`PROTOCOL_ERROR: ${decoded.reason}`);
    const { id, answer } = decoded;
    const pending = this.#pending.get(id);
    // The request may have been given up before the answer came.
    if (pending === undefined) return;
    if (answer.kind === 'change' || answer.kind === 'progress') {
      pending.onEvent?.(answer, body.length);
      return;
    }
    this.#forget(id, pending);
    if (answer.kind === 'error') pending.reject(errorOf(answer, this.address));
    else pending.resolve(answer);
    this.#sendQueued();
  }

  #forget(id: number, { bytes }: Pending): void {
    this.#pending.delete(id);
    this.#inFlightBytes -= bytes;
  }

  #sendQueued(): void {
    for (;;) {
      const next = this.#queued[0];
      if (next === undefined || !this.#hasRoom(next.message.length)) return;
      this.#queued.shift();
      this.#send(next.id, next.message, next.pending);
    }
  }

  #closed(reason: string): void {
    if (this.#closedReason !== undefined) return;
    this.#closedReason = reason;
    this.#cancelTick?.();
    this.#cancelIdle();
    this.#outbox.close();
    const sent = [...this.#pending.values()];
    const unsent = this.#queued.splice(0);
    this.#pending.clear();
    for (const pending of sent) {
      pending.reject(lostError(this, { kind: pending.kind, sent: true, reason }));
    }
    for (const { pending } of unsent) {
      pending.reject(lostError(this, { kind: pending.kind, sent: false, reason }));
    }
    this.#options.onClosed(this);
  }

  #tickSoon(): void {
    this.#cancelTick ??= this.#options.clock.after(TICK_MS, () => {
      this.#cancelTick = undefined;
      this.#tick(this.#options.clock.nowMs());
      if (this.open && this.#pending.size + this.#queued.length > 0) this.#tickSoon();
    });
  }

  #tick(nowMs: number): void {
    if (this.#nextDeadlineMs <= nowMs) this.#expire(nowMs);
    if (this.#pending.size === 0) return;
    const silentMs = nowMs - this.#heardMs;
    if (silentMs >= SILENCE_MS_MAX) this.close(`no byte in ${SILENCE_MS_MAX} ms`);
    else if (silentMs >= PING_MS && !this.#pinged) this.#ping();
  }

  #expire(nowMs: number): void {
    this.#nextDeadlineMs = Infinity;
    for (const [id, pending] of this.#pending) {
      if (this.#lasts(pending, nowMs)) continue;
      this.#forget(id, pending);
      pending.reject(silentError(this, { kind: pending.kind, sent: true }));
    }
    for (const [index, { pending }] of [...this.#queued.entries()].toReversed()) {
      if (this.#lasts(pending, nowMs)) continue;
      this.#queued.splice(index, 1);
      pending.reject(silentError(this, { kind: pending.kind, sent: false }));
    }
    this.#sendQueued();
  }

  #lasts({ deadlineMs }: Pending, nowMs: number): boolean {
    if (deadlineMs <= nowMs) return false;
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
    return true;
  }

  #ping(): void {
    this.#pinged = true;
    this.#outbox.push(encodeRequest(0, { kind: 'ping' }));
  }

  #idleLater(): void {
    this.#cancelIdle = this.#options.clock.after(IDLE_PING_MS, () => {
      this.#ping();
      this.#idleLater();
    });
  }
}
