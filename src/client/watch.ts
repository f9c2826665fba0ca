/**
 * Watch that continues at another node if one fails: after the last change that it showed, so without gap or repeat.
 */
import { isWalshipError, WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import { MiB } from '../ports/units.ts';
import { formatVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import type { ClientAnswer } from '../protocol/client-messages.ts';
import type { Change } from './api.ts';
import { ELSEWHERE_MS } from './caller.ts';
import type { Caller } from './caller.ts';
import type { Connection } from './connection.ts';
import { abortedError } from './failures.ts';
import { decide } from './retry.ts';
import type { Route } from './route.ts';

/**
 * Bytes of changes that may wait for the consumer: a node sends no more until they are consumed, except one larger
 * change.
 */
export const WATCH_CREDIT_BYTES = MiB;
/** Milliseconds that a watch looks for a node that continues it. */
export const WATCH_TIMEOUT_MS_DEFAULT = 30_000;

export interface WatchParts {
  readonly caller: Caller;
  readonly route: Route;
  readonly clock: Clock;
  readonly after: Version | undefined;
  readonly prefix: Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly isClosed: () => boolean;
}

/** Yields the changes of `Client.watch`. */
export async function* watch(parts: WatchParts): AsyncGenerator<Change, void, undefined> {
  const { caller, route, clock, signal, timeoutMs = WATCH_TIMEOUT_MS_DEFAULT } = parts;
  let after = parts.after;
  let endMs = clock.nowMs() + timeoutMs;
  let attempts = 0;
  for (;;) {
    if (signal?.aborted === true) return;
    if (parts.isClosed()) throw abortedError({ kind: 'watch', sent: false });
    const address = route.forReads;
    attempts += 1;
    try {
      const connection = await caller.connect(address, ELSEWHERE_MS);
      for await (const event of new WatchStream(connection, { ...parts, after })) {
        after = event.version;
        attempts = 0;
        endMs = clock.nowMs() + timeoutMs;
        if (event.kind === 'progress') continue;
        const { op, key, value, last } = event;
        yield { op, key, value, last, version: formatVersion(event.version) };
        endMs = clock.nowMs() + timeoutMs;
      }
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      const leftMs = endMs - clock.nowMs();
      const attempt = { kind: 'read', guarded: false, ack: 'quorum', unsure: false } as const;
      const decision = decide({
        ...attempt,
        failure: error,
        attempts: Math.max(1, attempts),
        nodes: route.count,
        leftMs,
        knewVersion: undefined,
      });
      if (decision.kind !== 'again') throw error;
      if (decision.where === 'next') caller.move(address, error);
      if (decision.pause) await caller.pause(Math.floor(attempts / route.count), leftMs);
    }
  }
}

type Event = ClientAnswer & { kind: 'change' | 'progress' };

/** Events of one watch at one node, until it ends. */
class WatchStream implements AsyncIterable<Event> {
  readonly #connection: Connection;
  readonly #parts: WatchParts;
  #events: { readonly event: Event; readonly bytes: number }[] = [];
  #failure: unknown;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(connection: Connection, parts: WatchParts) {
    this.#connection = connection;
    this.#parts = parts;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    const { after, prefix, signal } = this.#parts;
    const request = {
      kind: 'watch' as const,
      creditBytes: WATCH_CREDIT_BYTES,
      ...(after && { after }),
      ...(prefix && { prefix }),
    };
    const open = this.#connection.watch(request, (event, bytes) => {
      if (event.kind !== 'change' && event.kind !== 'progress') return;
      this.#events.push({ event, bytes });
      this.#wake();
    });
    open.ended.then(
      () => this.#end(undefined),
      (error: unknown) => this.#end(error),
    );
    const onAbort = (): void => this.#end(undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      let takenBytes = 0;
      for (;;) {
        for (const { event, bytes } of this.#events.splice(0)) {
          if (signal?.aborted === true) return;
          yield event;
          if (event.kind === 'change') takenBytes += bytes;
          if (takenBytes < WATCH_CREDIT_BYTES / 2) continue;
          open.grant(takenBytes);
          takenBytes = 0;
        }
        if (this.#events.length > 0) continue;
        if (this.#ended) {
          if (this.#failure !== undefined) throw this.#failure;
          if (signal?.aborted === true) return;
          throw new WalshipError('NODE_CLOSED', `${this.#connection.address} ended the watch`);
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      open.cancel();
    }
  }

  #end(error: unknown): void {
    this.#ended = true;
    this.#failure ??= error;
    this.#wake();
  }
}
