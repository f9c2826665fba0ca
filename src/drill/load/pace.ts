/** Begins something at a steady rate, whatever became of what was begun before, and never more than so many at a time. */
export class Pace {
  readonly #everyMs: number;
  readonly #inFlightMax: number;
  readonly #begin: () => Promise<void>;
  readonly #inFlight = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(options: {
    readonly everyMs: number;
    /** One more is left out. */
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

  /** Resolves once nothing is in flight. Rejects with the first failure of what was begun. */
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
