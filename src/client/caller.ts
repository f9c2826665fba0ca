/** Executes calls: asks a node, and handles its answer as `decide` says. */
import { isWalshipError, WalshipError } from '../errors.ts';
import type { Outcome } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { ClientAnswer, ClientRequest } from '../protocol/client-messages.ts';
import type { Version } from '../wal/format/position.ts';
import type { Connection } from './connection.ts';
import { abortedError } from './failures.ts';
import type { Pool } from './pool.ts';
import { decide, pauseMs } from './retry.ts';
import type { Route } from './route.ts';

/** Number of calls at a time; one more is refused with BUSY. */
export const CALLS_MAX = 16_384;
/**
 * Milliseconds after which one node is given up if another could serve the request too; also the limit for opening a
 * connection.
 */
export const ELSEWHERE_MS = 1_000;
/** Number of steps of a random fraction of 1. */
const FRACTION_STEPS = 1_000;

export interface CallerOptions {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly pool: Pool;
  readonly route: Route;
}

export interface Call {
  readonly kind: 'read' | 'write';
  /** True if only the leader can do it. */
  readonly leads: boolean;
  readonly guarded: boolean;
  readonly ack: 'local' | 'quorum' | 'all';
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Version known to be committed when the call began. */
  readonly knewVersion: Version | undefined;
  /** Creates the request of an attempt that may take `forMs`. */
  readonly make: (forMs: number) => ClientRequest;
}

/** Progress of a call. */
interface Progress {
  readonly endMs: number;
  attempts: number;
  pauses: number;
  /** True if a finished attempt may have been written. */
  unsure: boolean;
  /** True if a finished attempt, or the one under way, may have been written. */
  sent: boolean;
}

export class Caller {
  readonly #options: CallerOptions;
  #calls = 0;
  #closed = false;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the answer of the first attempt that succeeds.
   * @throws WalshipError the failure of the last attempt, for a write with the outcome of all of them; ABORTED, BUSY.
   */
  async call(call: Call): Promise<ClientAnswer> {
    if (this.#calls >= CALLS_MAX) {
      const outcome = call.kind === 'write' ? ({ outcome: 'rejected' } as const) : {};
      throw new WalshipError('BUSY', `${this.#calls} calls are in progress`, outcome);
    }
    const endMs = this.#options.clock.nowMs() + call.timeoutMs;
    const progress: Progress = { endMs, attempts: 0, pauses: 0, unsure: false, sent: false };
    this.#calls += 1;
    try {
      const run = this.#run(call, progress);
      if (call.signal === undefined) return await run;
      return await this.#unlessAborted(call.signal, call.kind, { progress, run });
    } finally {
      this.#calls -= 1;
    }
  }

  /** Ends the calls under way with ABORTED, as soon as their connections end. */
  close(): void {
    this.#closed = true;
  }

  /** Returns an open connection to the node whose turn it is for reads, after at most `forMs`. */
  async connect(address: string, forMs: number): Promise<Connection> {
    const { pool, route } = this.#options;
    const open = pool.ready(address);
    if (open !== undefined) return open;
    const connection = await this.#within(forMs, pool.connect(address), address);
    route.met(address, connection.hello);
    return connection;
  }

  /** Moves on to the next node, after a failure at this one. */
  move(address: string, error: WalshipError): void {
    const { route } = this.#options;
    const { code, details } = error;
    if (code === 'BUSY') return;
    if (code === 'NOT_READY') return route.notReady(address);
    if (code !== 'NO_LEADER') return route.failed(address);
    const { leader, leaderId } = details;
    const named = typeof leader === 'string' && typeof leaderId === 'string';
    route.redirected(address, named ? { address: leader, nodeId: leaderId } : null);
  }

  /** Waits a little, longer each time. */
  async pause(pauses: number, leftMs: number): Promise<void> {
    const { clock, entropy } = this.#options;
    const forMs = pauseMs(pauses, entropy.below(FRACTION_STEPS) / FRACTION_STEPS, leftMs);
    await new Promise<void>((resolve) => void clock.after(forMs, resolve));
  }

  async #run(call: Call, progress: Progress): Promise<ClientAnswer> {
    const { clock, route } = this.#options;
    for (;;) {
      this.#refuseIfOver(call, progress);
      progress.attempts += 1;
      const address = call.leads ? route.forLeader : route.forReads;
      let failure: WalshipError;
      try {
        const answer = await this.#attempt(address, call, progress);
        if (call.leads) route.led(address);
        else route.worked(address);
        return answer;
      } catch (error) {
        if (!isWalshipError(error)) throw error;
        failure = error;
      }
      const leftMs = progress.endMs - clock.nowMs();
      const decision = decide({ ...call, ...progress, failure, nodes: route.count, leftMs });
      if (decision.kind === 'give-up') {
        if (decision.outcome === 'indeterminate') this.move(address, failure);
        throw withOutcome(failure, decision.outcome);
      }
      if (decision.kind === 'resolve') {
        this.move(address, failure);
        const answer = await this.#resolve(decision.version, call, leftMs);
        if (answer === 'unknown') throw failure;
        if (answer !== 'replaced') return answer;
        progress.sent = progress.unsure;
        continue;
      }
      progress.unsure ||= call.kind === 'write' && failure.outcome !== 'rejected';
      progress.sent = progress.unsure;
      if (decision.where === 'next') this.move(address, failure);
      if (!decision.pause) continue;
      await this.pause(progress.pauses, leftMs);
      progress.pauses += 1;
    }
  }

  /** Sends at once if the connection is open: a turn of waiting costs more than sending. */
  #attempt(address: string, call: Call, progress: Progress): Promise<ClientAnswer> {
    const open = this.#options.pool.ready(address);
    if (open !== undefined) return this.#ask(open, call, progress);
    return this.#connected(address, call, this.#patienceMs(progress)).then((connection) => {
      this.#refuseIfOver(call, progress);
      const { route } = this.#options;
      if (!call.leads && !connection.hello.ready && route.otherMayBeReady(address)) {
        throw new WalshipError('NOT_READY', `${address} lacks writes that were acknowledged`);
      }
      return this.#ask(connection, call, progress);
    });
  }

  #ask(connection: Connection, call: Call, progress: Progress): Promise<ClientAnswer> {
    const forMs = call.kind === 'read' ? this.#patienceMs(progress) : this.#leftMs(progress);
    progress.sent ||= call.kind === 'write';
    return connection.request(call.make(forMs), forMs);
  }

  #leftMs({ endMs }: Progress): number {
    return Math.max(1, Math.ceil(endMs - this.#options.clock.nowMs()));
  }

  /** Returns the milliseconds that one node may take if another one could serve the request as well. */
  #patienceMs(progress: Progress): number {
    const leftMs = this.#leftMs(progress);
    return this.#options.route.count > 1 ? Math.min(leftMs, ELSEWHERE_MS) : leftMs;
  }

  /** Opens a connection; a write that was never sent is rejected. */
  async #connected(address: string, { kind }: Call, forMs: number): Promise<Connection> {
    try {
      return await this.connect(address, forMs);
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      throw kind === 'write' ? withOutcome(error, 'rejected') : error;
    }
  }

  /** Finds the outcome of a write whose version is known. */
  async #resolve(
    version: Version,
    call: Call,
    timeoutMs: number,
  ): Promise<ClientAnswer | 'replaced' | 'unknown'> {
    const asking = this.#run(
      {
        ...call,
        kind: 'read',
        leads: false,
        make: (forMs) => ({ kind: 'wait', level: 'committed', timeoutMs: forMs, version }),
      },
      {
        endMs: this.#options.clock.nowMs() + timeoutMs,
        attempts: 0,
        pauses: 0,
        unsure: false,
        sent: false,
      },
    );
    try {
      await asking;
      return { kind: 'written', version, durableOn: [] };
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      return error.code === 'LSN_REPLACED' ? 'replaced' : 'unknown';
    }
  }

  #refuseIfOver({ kind, signal }: Call, { sent }: Progress): void {
    if (this.#closed) throw abortedError({ kind: wire(kind), sent });
    if (signal?.aborted === true) throw abortedError({ kind: wire(kind), sent }, signal.reason);
  }

  async #unlessAborted<T>(
    signal: AbortSignal,
    kind: Call['kind'],
    { progress, run }: { readonly progress: Progress; readonly run: Promise<T> },
  ): Promise<T> {
    let abort = (): void => undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      abort = () => reject(abortedError({ kind: wire(kind), sent: progress.sent }, signal.reason));
      signal.addEventListener('abort', abort, { once: true });
    });
    try {
      return await Promise.race([run, aborted]);
    } finally {
      signal.removeEventListener('abort', abort);
      // The loser of the race no longer matters.
      run.catch(() => undefined);
    }
  }

  #within<T>(forMs: number, promise: Promise<T>, address: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(forMs, () => {
        // During a repeated lookup, an unknown name is just slow: the earlier failure tells more.
        const { message, details } = this.#options.pool.failureAt(address) ?? {};
        const before = message === undefined ? '' : `; before that: ${message}`;
        const text = `${address} did not answer in time${before}`;
        reject(
          new WalshipError('PEER_UNREACHABLE', text, details === undefined ? {} : { details }),
        );
      });
      promise.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}

function wire(kind: Call['kind']): 'read' | 'write' {
  return kind;
}

function withOutcome(error: WalshipError, outcome: Outcome | undefined): WalshipError {
  if (error.outcome === outcome || outcome === undefined) return error;
  const { code, message, details } = error;
  return new WalshipError(code, message, { details, outcome, cause: error });
}
