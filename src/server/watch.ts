/**
 * Handles `GET /v1/watch`: writes applied changes, one JSON object per line. The next change is asked for when the last one was
 * taken, so a slow reader costs no memory, and one that stops reading is disconnected.
 */
import type { ServerResponse } from 'node:http';
import type { Turns } from '../ports/turns.ts';
import { WalshipError } from '../errors.ts';
import type { WatchEvent } from '../node/api/api.ts';
import { formatVersion } from '../wal/format/position.ts';
import { keyToJson } from '../protocol/key-json.ts';
import type { Exchange } from './exchange.ts';
import { WATCHERS_MAX, WATCH_PROGRESS_MS } from './limits.ts';
import { errorToJson, toWalshipError } from './reply.ts';
import { endAnswer, sendPieces } from './sending.ts';
import { jsonWithValue } from './value-json.ts';

export async function watch(exchange: Exchange): Promise<void> {
  const { node, query, shared, signal } = exchange;
  const after = query.version('after') ?? node.status().applied;
  const prefix = query.bytes('prefix');
  query.finish();
  if (shared.watchers >= WATCHERS_MAX) {
    throw new WalshipError('BUSY', `${shared.watchers} watches are open`, {
      details: { watchersMax: WATCHERS_MAX },
    });
  }
  shared.watchers += 1;
  try {
    const events = node.watch({ after, signal, ...(prefix === undefined ? {} : { prefix }) });
    await stream(exchange, events);
  } finally {
    shared.watchers -= 1;
  }
}

async function stream({ response, signal, shared }: Exchange, events: AsyncIterable<WatchEvent>) {
  const lines = new WatchLines(response, shared.turns);
  const timer = setInterval(() => lines.idle(), WATCH_PROGRESS_MS);
  try {
    for await (const event of events) {
      if (signal.aborted) break;
      await lines.show(event);
    }
    if (!response.closed) lines.fail(new WalshipError('NODE_CLOSED', 'the node is shutting down'));
  } catch (error) {
    // Before the first line the status can still tell what is wrong; afterwards a line has to.
    if (!response.headersSent) throw error;
    lines.fail(toWalshipError(error));
  } finally {
    clearInterval(timer);
  }
}

/** Writes events; answers 200 with the first one. */
class WatchLines {
  readonly #response: ServerResponse;
  readonly #turns: Turns;
  /** Version from which a reader may resume; undefined inside a transaction. */
  #progress: string | undefined;
  #quiet = true;

  constructor(response: ServerResponse, turns: Turns) {
    this.#response = response;
    this.#turns = turns;
  }

  /** Resolves when the reader takes more; rejects if it is gone or stalls. */
  async show(event: WatchEvent): Promise<void> {
    const version = formatVersion(event.version);
    if (event.kind === 'progress') {
      const first = !this.#response.headersSent;
      this.#progress = version;
      // Progress is told now and then: one line for each batch would double what is sent.
      if (first) this.idle();
      return;
    }
    this.#progress = event.last ? version : undefined;
    this.#quiet = false;
    this.#begin();
    await sendPieces(this.#response, lineOf(event, version), this.#turns);
  }

  /** Writes the position of the watch, if no line was written since the last time. */
  idle(): void {
    const quiet = this.#quiet;
    this.#quiet = true;
    if (!quiet || this.#progress === undefined || this.#response.writableNeedDrain) return;
    this.#line({ progress: this.#progress });
  }

  /** Writes the error as the last line. */
  fail(error: WalshipError): void {
    this.#line(errorToJson(error, undefined));
    endAnswer(this.#response);
  }

  #line(value: object): void {
    if (this.#response.destroyed) return;
    this.#begin();
    this.#response.write(`${JSON.stringify(value)}\n`);
  }

  #begin(): void {
    if (this.#response.headersSent) return;
    const headers = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' };
    this.#response.writeHead(200, headers);
  }
}

/** Formats the line of a change, in pieces. */
function lineOf(
  { op, key, value, last }: Extract<WatchEvent, { kind: 'change' }>,
  version: string,
): Iterable<Buffer> {
  const head = { op, ...keyToJson(key) };
  const tail = { version, last };
  if (op === 'put') return jsonWithValue({ head, value, tail, end: '\n' });
  return [Buffer.from(`${JSON.stringify({ ...head, ...tail })}\n`, 'utf8')];
}
