import type { AttemptResult } from './attempt.ts';

/**
 * Queue of attempts to lead; one runs at a time.
 *
 * A caller during an attempt shares its result, with one exception: an attempt that this node made on its own is
 * refused where a leader is alive, and that is no answer to an operator who asked for another leader. An operator's
 * attempt follows it then.
 */
export class AttemptQueue {
  readonly #attempt: (operator: boolean) => Promise<AttemptResult>;
  #running: { readonly operator: boolean; readonly result: Promise<AttemptResult> } | undefined;
  #queued: Promise<AttemptResult> | undefined;

  constructor(attempt: (operator: boolean) => Promise<AttemptResult>) {
    this.#attempt = attempt;
  }

  /** True while an attempt is under way, or about to be. */
  get active(): boolean {
    return this.#running !== undefined || this.#queued !== undefined;
  }

  stand(operator: boolean): Promise<AttemptResult> {
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

  /** Runs another kind of attempt, once no other is under way; callers during it share its result. */
  async force(attempt: () => Promise<AttemptResult>): Promise<AttemptResult> {
    while (this.active) await (this.#queued ?? this.#running?.result);
    return this.#begin(true, attempt);
  }

  /** Resolves when no attempt is under way. Rejects with the error of the attempt. */
  async idle(): Promise<void> {
    while (this.active) await (this.#queued ?? this.#running?.result);
  }

  #begin(
    operator: boolean,
    attempt: (operator: boolean) => Promise<AttemptResult> = this.#attempt,
  ): Promise<AttemptResult> {
    const result = attempt(operator).finally(() => {
      this.#running = undefined;
    });
    this.#running = { operator, result };
    return result;
  }
}
