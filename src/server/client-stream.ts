import type { WalshipError } from '../errors.ts';
import type { WatchEvent } from '../node/api/api.ts';
import type { ClientAnswer } from '../protocol/client-messages.ts';
import { WATCH_PROGRESS_MS } from './limits.ts';

export interface ClientStreamOptions {
  /** Bytes that may go out before more credit comes. */
  readonly creditBytes: number;
  /** Whether the link takes more. */
  readonly hasRoom: () => boolean;
  /** Returns how many bytes the message has. */
  readonly send: (event: ClientAnswer) => number;
}

/** One watch of a client: the next change is asked for when there is credit and room, so a slow reader costs no memory. */
export class ClientStream {
  readonly #options: ClientStreamOptions;
  readonly #abort = new AbortController();
  #creditBytes: number;
  #failure: WalshipError | undefined;
  #wake: () => void = () => undefined;
  /** Where the client may resume, and has not been told. */
  #progress: WatchEvent['version'] | undefined;
  #toldMs: number | undefined;

  constructor(options: ClientStreamOptions) {
    this.#options = options;
    this.#creditBytes = options.creditBytes;
  }

  /** Aborts when the watch is to end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Sends events until the watch ends. @throws WalshipError that of `fail`, or of the events. */
  async run(events: AsyncIterable<WatchEvent>): Promise<void> {
    for await (const event of events) {
      if (this.signal.aborted) break;
      if (event.kind === 'progress') {
        this.#progress = event.version;
        // The first one says where the watch begins; the others are told now and then.
        if (this.#toldMs === undefined) this.#tell(0);
        continue;
      }
      await this.#ready();
      if (this.signal.aborted) break;
      this.#progress = undefined;
      this.#toldMs ??= 0;
      this.#creditBytes -= this.#options.send(event);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  grant(bytes: number): void {
    this.#creditBytes += bytes;
    this.#wake();
  }

  /** The link takes more again. */
  roomy(): void {
    this.#wake();
  }

  abort(): void {
    this.#abort.abort();
    this.#wake();
  }

  fail(error: WalshipError): void {
    this.#failure ??= error;
    this.abort();
  }

  tick(nowMs: number): void {
    if (this.#progress === undefined || this.signal.aborted) return;
    if (nowMs - (this.#toldMs ?? 0) >= WATCH_PROGRESS_MS) this.#tell(nowMs);
  }

  #tell(nowMs: number): void {
    if (this.#progress === undefined) return;
    this.#options.send({ kind: 'progress', version: this.#progress });
    this.#progress = undefined;
    this.#toldMs = nowMs;
  }

  async #ready(): Promise<void> {
    while ((this.#creditBytes <= 0 || !this.#options.hasRoom()) && !this.signal.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
