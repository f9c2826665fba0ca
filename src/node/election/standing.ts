import type { Candidacy } from './candidacy.ts';

/**
 * Attempts to lead, one at a time.
 *
 * Whoever asks while an attempt is under way shares its result, with one exception: an attempt that this node made by itself is refused
 * where a leader lives, and that is no answer to a person who asked for another leader. An operator's attempt then follows it.
 */
export class Standing {
  readonly #attempt: (operator: boolean) => Promise<Candidacy>;
  #running: { readonly operator: boolean; readonly result: Promise<Candidacy> } | undefined;
  #queued: Promise<Candidacy> | undefined;

  constructor(attempt: (operator: boolean) => Promise<Candidacy>) {
    this.#attempt = attempt;
  }

  /** An attempt is under way, or about to be. */
  get active(): boolean {
    return this.#running !== undefined || this.#queued !== undefined;
  }

  stand(operator: boolean): Promise<Candidacy> {
    if (this.#queued !== undefined) return this.#queued;
    const running = this.#running;
    if (running === undefined) return this.#begin(operator);
    if (running.operator || !operator) return running.result;
    this.#queued = running.result.then((result) => {
      this.#queued = undefined;
      return result.kind === 'won' ? result : this.#begin(true);
    });
    return this.#queued;
  }

  /** Makes an attempt of another kind, once nothing else is under way; whoever asks meanwhile shares its result. */
  async force(attempt: () => Promise<Candidacy>): Promise<Candidacy> {
    while (this.active) await (this.#queued ?? this.#running?.result);
    return this.#begin(true, attempt);
  }

  /** Resolves when no attempt is under way. Rejects as the attempt did. */
  async idle(): Promise<void> {
    while (this.active) await (this.#queued ?? this.#running?.result);
  }

  #begin(
    operator: boolean,
    attempt: (operator: boolean) => Promise<Candidacy> = this.#attempt,
  ): Promise<Candidacy> {
    const result = attempt(operator).finally(() => {
      this.#running = undefined;
    });
    this.#running = { operator, result };
    return result;
  }
}
