import type { WalshipError } from '../errors.ts';
import type { WatchEvent } from '../node/api/api.ts';
import type { ClientAnswer } from '../protocol/client-messages.ts';
import { WATCH_PROGRESS_MS } from './limits.ts';

export interface ClientStreamOptions {
  /** Bytes that may be sent before more credit comes. */
  readonly creditBytes: number;
  /** Returns true if the link takes more. */
  readonly hasRoom: () => boolean;
  /** Sends an event; returns the number of bytes of the message. */
  readonly send: (event: ClientAnswer) => number;
}

/**
 * One watch of a client: the next change is read only with credit and a link that takes more, so a slow reader costs
 * no memory.
 */
export class ClientStream {
  readonly #options: ClientStreamOptions;
  readonly #abort = new AbortController();
  #creditBytes: number;
  #failure: WalshipError | undefined;
  #wake: () => void = () => undefined;
  /** Version from which the client may resume, and which it has not been told. */
  #progress: WatchEvent['version'] | undefined;
  #toldMs: number | undefined;

  constructor(options: ClientStreamOptions) {
    this.#options = options;
    this.#creditBytes = options.creditBytes;
  }

  /** Signal that aborts when the watch has to end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Sends events until the watch ends. @throws WalshipError given to `fail`, or of the events. */
  async run(events: AsyncIterable<WatchEvent>): Promise<void> {
    for await (const event of events) {
      if (this.signal.aborted) break;
      if (event.kind === 'progress') {
        this.#progress = event.version;
        // The first progress tells where the watch begins; the others are sent now and then.
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

  /** Continues after the link takes more again. */
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
