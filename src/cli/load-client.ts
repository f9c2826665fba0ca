/** Writes of load generators: kept-alive connections, the leader remembered, every failure a code and no exception. */
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { keyTarget } from './cluster-client.ts';

/** What became of one write: `OK`, a code of the server, or a code of the connection (`ECONNREFUSED`). */
export interface LoadResult {
  readonly code: string;
  readonly version: string | undefined;
}

export interface LoadClientOptions {
  /** Origins of nodes, `http://host:port`; at least one. */
  readonly urls: readonly string[];
  /** Connections at most. */
  readonly connections: number;
  readonly ack: string;
  readonly timeoutMs: number;
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

const HOPS_MAX = 4;
/** Answers are one line of JSON; more is not one of ours. */
const ANSWER_BYTES_MAX = 64 * 1024;
/** The server's own time limit comes first: its answer says what became of the write. */
const GRACE_MS = 2_000;

export class LoadClient {
  readonly #options: LoadClientOptions;
  readonly #agent: Agent;
  #origin: string;
  #turn = 0;

  constructor(options: LoadClientOptions) {
    this.#options = options;
    this.#origin = options.urls[0] ?? '';
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  }

  /** Writes once; after a failure the next write goes to the next node. */
  async put(key: Buffer, value: Buffer): Promise<LoadResult> {
    const { ack, timeoutMs } = this.#options;
    const { path } = keyTarget(key);
    let target = `${this.#origin}${path}?ack=${ack}&timeoutMs=${timeoutMs}`;
    for (let hop = 0; hop < HOPS_MAX; hop += 1) {
      const origin = new URL(target).origin;
      let answer: Answer;
      try {
        answer = await this.#send(target, value);
      } catch (error) {
        this.#leave(origin);
        return { code: errnoOf(error), version: undefined };
      }
      if (answer.status === 307 && answer.location !== undefined) {
        target = new URL(answer.location, target).href;
        this.#origin = new URL(target).origin;
        continue;
      }
      const result = resultOf(answer);
      if (result.code === 'NO_LEADER' || result.code === 'NODE_CLOSED') this.#leave(origin);
      return result;
    }
    return { code: 'NO_LEADER', version: undefined };
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy();
  }

  #leave(origin: string): void {
    // Many requests fail together: only the first of them moves on.
    if (origin !== this.#origin) return;
    this.#turn += 1;
    const { urls } = this.#options;
    this.#origin = urls[this.#turn % urls.length] ?? origin;
  }

  async #send(target: string, value: Buffer): Promise<Answer> {
    const timeoutMs = this.#options.timeoutMs + GRACE_MS;
    return await new Promise((resolve, reject) => {
      const outgoing = request(target, {
        method: 'PUT',
        agent: this.#agent,
        headers: { 'content-length': value.length },
      });
      outgoing.setTimeout(timeoutMs, () => {
        outgoing.destroy(Object.assign(new Error('no answer'), { code: 'CLIENT_TIMEOUT' }));
      });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => readAnswer(response, { resolve, reject }));
      outgoing.end(value);
    });
  }
}

function readAnswer(
  response: IncomingMessage,
  done: { resolve: (answer: Answer) => void; reject: (error: Error) => void },
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= ANSWER_BYTES_MAX) chunks.push(chunk);
  });
  response.on('error', done.reject);
  response.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    done.resolve({
      status: response.statusCode ?? 0,
      location: response.headers.location,
      body,
    });
  });
}

function resultOf({ status, body }: Answer): LoadResult {
  try {
    const parsed = JSON.parse(body) as { version?: unknown; error?: { code?: unknown } };
    if (status === 200) return { code: 'OK', version: String(parsed.version) };
    if (typeof parsed.error?.code === 'string') {
      return { code: parsed.error.code, version: undefined };
    }
  } catch {
    // Not JSON: the status says it all.
  }
  return { code: `HTTP_${status}`, version: undefined };
}

function errnoOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'CONNECTION_FAILED';
}
