/** Starts calls at a steady rate, whatever the state of earlier ones, and never more than a maximum at a time. */
export class Pace {
  readonly #everyMs: number;
  readonly #inFlightMax: number;
  readonly #begin: () => Promise<void>;
  readonly #inFlight = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(options: {
    readonly everyMs: number;
    /** Number of calls in flight above which one is skipped. */
    readonly inFlightMax: number;
    readonly begin: () => Promise<void>;
  }) {
    this.#everyMs = options.everyMs;
    this.#inFlightMax = options.inFlightMax;
    this.#begin = options.begin;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), this.#everyMs);
  }

  /** Resolves once no call is in flight. Rejects with the first failure of a call. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #tick(): void {
    if (this.#inFlight.size >= this.#inFlightMax) return;
    const running = this.#begin()
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#inFlight.delete(running));
    this.#inFlight.add(running);
  }
}
