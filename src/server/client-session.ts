/**
 * Session of one client at `/v1/client`: requests come pipelined and are answered in the order in which they complete.
 *
 * Invariant: every request that was admitted is answered once, unless the link is gone; its bytes count until then.
 */
import { WalshipError } from '../errors.ts';
import type { NodeApi } from '../node/api/api.ts';
import type { Clock } from '../ports/clock.ts';
import type { Link } from '../ports/link.ts';
import type { Turns } from '../ports/turns.ts';
import { encodeAnswer } from '../protocol/client-answers.ts';
import { CLIENT_MESSAGE_BYTES_MAX, CLIENT_PROTOCOL_VERSION } from '../protocol/client-messages.ts';
import type {
  ClientAnswer,
  ClientRequest,
  ClientWatch,
  ClientWrite,
  ErrorAnswer,
} from '../protocol/client-messages.ts';
import { decodeRequest } from '../protocol/client-requests.ts';
import type { UnfinishedRequest } from '../protocol/client-requests.ts';
import { MessageOutbox } from '../protocol/message-outbox.ts';
import { LENGTH_BYTES, MessageSplitter } from '../protocol/message-splitter.ts';
import type { ByteBudget } from './byte-budget.ts';
import { busy, errorAnswer, isWrite, shuttingDown } from './client-errors.ts';
import { ClientStream } from './client-stream.ts';
import type { Delay } from './event-loop-delay.ts';
import type { AnswerCounts } from './exchange.ts';
import * as limits from './limits.ts';
import { toWalshipError } from './reply.ts';
import { statusToJson } from './status.ts';

export interface ClientSessionOptions {
  readonly link: Link;
  readonly node: NodeApi;
  readonly clock: Clock;
  /** State shared with the other sessions and with HTTP. */
  readonly shared: {
    readonly bodies: ByteBudget;
    readonly delay: { read(): Delay };
    readonly answers: Pick<AnswerCounts, 'wrote' | 'failed'>;
    watchers: number;
    readonly turns: Pick<Turns, 'run'>;
  };
  /** Called with failures that are bugs. */
  readonly onInternal: (error: unknown, request: string) => void;
  readonly onClose: () => void;
}

/** Requests that are answered once, when they are done. */
type Request = Exclude<ClientRequest, { kind: 'hello' | 'credit' | 'cancel' }>;

interface Held {
  readonly id: number;
  readonly request: Request | UnfinishedRequest;
  readonly bytes: number;
}

export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #outbox: MessageOutbox;
  readonly #splitter: MessageSplitter;
  readonly #streams = new Map<number, ClientStream>();
  /** Requests that wait until the client has taken answers. */
  #held: Held[] = [];
  #inFlight = 0;
  #requestBytes = 0;
  /** Bytes admitted for the message that is arriving. */
  #admittedBytes = 0;
  /** Number of messages that have arrived whole. */
  #messages = 0;
  /** Number of messages that may have arrived at the end of this turn. */
  #messagesMax = Infinity;
  /** Time of the first byte of a message that has not arrived whole. */
  #arrivingMs: number | undefined;
  #greeted = false;
  #draining = false;
  #over = false;
  #openedMs: number;
  #heardMs: number;
  /** Time when the network last took something, or nothing was left to take. */
  #sentMs: number;
  #cancelTick: () => void = () => undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    const { link, clock } = options;
    this.#openedMs = clock.nowMs();
    this.#heardMs = this.#openedMs;
    this.#sentMs = this.#openedMs;
    this.#outbox = new MessageOutbox(link, () => this.#sent());
    this.#splitter = new MessageSplitter(CLIENT_MESSAGE_BYTES_MAX, {
      admit: (bytes) => this.#admit(bytes),
      take: (bytes) => this.#take(bytes),
      // The copy of a message in flight outlives the link's buffer.
      onMessage: (body, gathered) => this.#onMessage(gathered ? body : Buffer.from(body)),
      onRefused: (head) => this.#onRefused(head),
    });
    link.receive({
      onMessage: (chunk) => this.#onChunk(chunk),
      onClose: () => this.#closed(),
    });
    this.#tickLater();
  }

  /** Takes no more requests; resolves when those in flight are answered or the link is gone. */
  drain(): Promise<void> {
    this.#draining = true;
    const error = new WalshipError('NODE_CLOSED', 'the node is shutting down');
    for (const stream of this.#streams.values()) stream.fail(error);
    if (this.#over || this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  /** Closes the link for a reason in words; idempotent. */
  close(reason: string): void {
    if (this.#over) return;
    this.#options.link.close(reason);
    this.#closed();
  }

  #closed(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTick();
    this.#outbox.close();
    for (const stream of this.#streams.values()) stream.abort();
    for (const { bytes } of this.#held) this.#give(bytes);
    this.#held = [];
    this.#give(this.#admittedBytes);
    this.#admittedBytes = 0;
    this.#onIdle?.();
    this.#options.onClose();
  }

  #onChunk(chunk: Buffer): void {
    if (this.#over) return;
    this.#heardMs = this.#options.clock.nowMs();
    const before = this.#messages;
    this.#messagesMax = before + limits.CLIENT_CHUNK_MESSAGES_MAX;
    const problem = this.#splitter.push(chunk);
    if (problem !== undefined) return this.close(`PROTOCOL_ERROR: ${problem}`);
    if (!this.#splitter.unfinished) this.#arrivingMs = undefined;
    else if (this.#messages !== before) this.#arrivingMs = this.#heardMs;
    else this.#arrivingMs ??= this.#heardMs;
  }

  /**
   * Checks a message before it arrives. The link's own limit counts announced bytes; the shared budget counts bytes
   * that have arrived.
   */
  #admit(bytes: number): boolean {
    return !this.#over && this.#requestBytes + bytes <= limits.CLIENT_REQUEST_BYTES_MAX;
  }

  #take(bytes: number): boolean {
    if (!this.#over && this.#options.shared.bodies.take(bytes)) {
      this.#requestBytes += bytes;
      this.#admittedBytes += bytes;
      return true;
    }
    // The bytes that arrived of it are discarded.
    this.#give(this.#admittedBytes);
    this.#admittedBytes = 0;
    return false;
  }

  #give(bytes: number): void {
    this.#requestBytes -= bytes;
    this.#options.shared.bodies.give(bytes);
  }

  #onRefused(head: Buffer): void {
    this.#messages += 1;
    if (this.#over || head.length < 4) return;
    const message = `requests of ${this.#requestBytes} bytes are in flight on this link`;
    this.#send(head.readUInt32BE(0), busy(message));
  }

  #onMessage(body: Buffer): void {
    this.#messages += 1;
    if (this.#messages > this.#messagesMax) {
      this.close('PROTOCOL_ERROR: too many requests at once');
    }
    const bytes = this.#admittedBytes;
    this.#admittedBytes = 0;
    if (this.#over) return this.#give(bytes);
    const decoded = decodeRequest(body);
    if (decoded.kind === 'invalid') {
      this.#give(bytes);
      return this.close(`PROTOCOL_ERROR: ${decoded.reason}`);
    }
    const { id } = decoded;
    const request = decoded.kind === 'unfinished' ? decoded : decoded.request;
    if ((request.kind === 'hello') === this.#greeted) {
      this.#give(bytes);
      return this.close('PROTOCOL_ERROR: one hello, and first');
    }
    if (request.kind === 'hello' || request.kind === 'credit' || request.kind === 'cancel') {
      this.#give(bytes);
      if (request.kind === 'hello') this.#greet(id);
      else if (request.kind === 'credit') this.#streams.get(id)?.grant(request.bytes);
      else this.#streams.get(id)?.abort();
      return;
    }
    if (this.#inFlight >= limits.CLIENT_REQUESTS_MAX) {
      this.#give(bytes);
      this.#send(id, busy(`${this.#inFlight} requests are in flight on this link`));
      return;
    }
    this.#inFlight += 1;
    const waits = this.#held.length > 0 || this.#unread;
    if (waits) this.#held.push({ id, request, bytes });
    else this.#start({ id, request, bytes });
  }

  /** True while the client does not take its answers as fast as it asks. */
  get #unread(): boolean {
    return this.#outbox.unsentBytes > limits.CLIENT_UNSENT_BYTES_HIGH;
  }

  #sent(): void {
    this.#sentMs = this.#options.clock.nowMs();
    while (!this.#over && !this.#unread) {
      const next = this.#held.shift();
      if (next === undefined) break;
      this.#start(next);
    }
    if (!this.#unread) for (const stream of this.#streams.values()) stream.roomy();
  }

  #greet(id: number): void {
    this.#greeted = true;
    const { clusterId, leader, nodeId, notReady } = this.#options.node.status();
    this.#send(id, {
      kind: 'hello',
      protocol: CLIENT_PROTOCOL_VERSION,
      nodeId,
      clusterId,
      leader,
      requestsMax: limits.CLIENT_REQUESTS_MAX,
      requestBytesMax: limits.CLIENT_REQUEST_BYTES_MAX,
      ready: notReady === null,
    });
  }

  #start(held: Held): void {
    void this.#answer(held);
  }

  async #answer({ id, request, bytes }: Held): Promise<void> {
    let answer: ClientAnswer;
    try {
      answer = await this.#result(id, request);
    } catch (cause) {
      answer = this.#errorOf(request, cause);
    }
    this.#give(bytes);
    this.#inFlight -= 1;
    if (this.#over) return;
    this.#send(id, answer);
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  async #result(id: number, arrived: Held['request']): Promise<ClientAnswer> {
    if (this.#draining) throw shuttingDown(arrived.kind);
    const request = arrived.kind === 'unfinished' ? await this.#finish(arrived) : arrived;
    return request.kind === 'watch' ? this.#stream(id, request) : this.#ask(request);
  }

  async #finish({ rest }: UnfinishedRequest): Promise<ClientWrite> {
    const decoded = await this.#options.shared.turns.run(rest);
    if (decoded.kind === 'request') return decoded.request;
    this.close(`PROTOCOL_ERROR: ${decoded.reason}`);
    throw new WalshipError('PROTOCOL_ERROR', decoded.reason, { outcome: 'rejected' });
  }

  async #ask(request: Exclude<Request, { kind: 'watch' }>): Promise<ClientAnswer> {
    const { node, shared, clock } = this.#options;
    switch (request.kind) {
      case 'write': {
        const startMs = clock.nowMs();
        const { version, durableOn } = await node.write(request);
        shared.answers.wrote(request.ack, (clock.nowMs() - startMs) / 1000);
        return { kind: 'written', version, durableOn };
      }
      case 'read': {
        const { found, applied } = await node.read(request);
        return found === undefined
          ? { kind: 'absent', applied }
          : { kind: 'found', ...found, applied };
      }
      case 'scan': {
        const { entries, more, applied } = await node.scan(request);
        return { kind: 'page', entries, more, applied };
      }
      case 'wait':
        return { kind: 'reached', version: await node.wait(request) };
      case 'status':
        return { kind: 'status', status: { ...statusToJson(node.status(), shared.delay.read()) } };
      case 'ping':
        return { kind: 'pong' };
      default:
        return request satisfies never;
    }
  }

  async #stream(id: number, request: ClientWatch): Promise<ClientAnswer> {
    const { node, shared } = this.#options;
    if (this.#streams.has(id)) throw new WalshipError('REQUEST_INVALID', `watch ${id} is open`);
    if (shared.watchers >= limits.WATCHERS_MAX) {
      throw new WalshipError('BUSY', `${shared.watchers} watches are open`, {
        details: { watchersMax: limits.WATCHERS_MAX },
      });
    }
    const stream = new ClientStream({
      creditBytes: request.creditBytes,
      hasRoom: () => !this.#unread,
      send: (event) => this.#send(id, event),
    });
    this.#streams.set(id, stream);
    shared.watchers += 1;
    try {
      const { prefix, after = node.status().applied } = request;
      const { signal } = stream;
      await stream.run(node.watch({ after, signal, ...(prefix && { prefix }) }));
      return { kind: 'ended' };
    } finally {
      shared.watchers -= 1;
      this.#streams.delete(id);
    }
  }

  /** Sends an answer; returns its cost of a watch's credit: the bytes of the message without its length field. */
  #send(id: number, answer: ClientAnswer): number {
    const message = encodeAnswer(id, this.#fitting(answer));
    if (this.#outbox.unsentBytes === 0) this.#sentMs = this.#options.clock.nowMs();
    this.#outbox.push(message);
    if (this.#outbox.unsentBytes > limits.CLIENT_UNSENT_BYTES_MAX + CLIENT_MESSAGE_BYTES_MAX) {
      this.close('BUSY: the client does not read its answers');
    }
    return message.length - LENGTH_BYTES;
  }

  /**
   * Replaces an answer that does not fit with BUSY: answers of many large reads together may be too large, and
   * reading again is safe.
   */
  #fitting(answer: ClientAnswer): ClientAnswer {
    if (answer.kind !== 'found' && answer.kind !== 'page') return answer;
    const { unsentBytes } = this.#outbox;
    const fits = unsentBytes + sizeOf(answer) <= limits.CLIENT_UNSENT_BYTES_MAX;
    if (unsentBytes === 0 || fits) return answer;
    return busy(`${unsentBytes} bytes of answers wait for this client`);
  }

  #errorOf({ kind }: Held['request'], cause: unknown): ErrorAnswer {
    const error = toWalshipError(cause);
    if (error.code === 'INTERNAL') this.#options.onInternal(cause, kind);
    const answer = errorAnswer(error);
    if (!isWrite(kind)) return answer;
    // Without an explicit outcome the answer must not claim that nothing was written.
    const { outcome = 'indeterminate' } = error;
    this.#options.shared.answers.failed(outcome, error.code);
    return { ...answer, outcome };
  }

  #tickLater(): void {
    this.#cancelTick = this.#options.clock.after(limits.CLIENT_TICK_MS, () => {
      this.#tick(this.#options.clock.nowMs());
      if (!this.#over) this.#tickLater();
    });
  }

  #tick(nowMs: number): void {
    if (!this.#greeted && nowMs - this.#openedMs >= limits.CLIENT_HELLO_MS_MAX) {
      return this.close('PROTOCOL_ERROR: no hello in time');
    }
    if (nowMs - this.#heardMs >= limits.CLIENT_SILENCE_MS_MAX) {
      return this.close(`no byte in ${limits.CLIENT_SILENCE_MS_MAX} ms`);
    }
    if (nowMs - (this.#arrivingMs ?? nowMs) >= limits.REQUEST_MS_MAX) {
      return this.close('PROTOCOL_ERROR: a message took too long to arrive');
    }
    if (this.#outbox.unsentBytes === 0) this.#sentMs = nowMs;
    if (nowMs - this.#sentMs >= limits.SEND_STALL_MS_MAX) {
      return this.close('BUSY: the client does not read its answers');
    }
    for (const stream of this.#streams.values()) stream.tick(nowMs);
  }
}

function sizeOf(answer: ClientAnswer & { kind: 'found' | 'page' }): number {
  if (answer.kind === 'found') return answer.value.length;
  return answer.entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
}
