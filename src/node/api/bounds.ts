import type { EventListener } from './events.ts';

/** Fraction of a bound from which on a warning is given. */
export const NEAR_PART = 0.8;
/** Fraction of a bound below which the warning ends; the gap to NEAR_PART prevents repeated events. */
const FAR_PART = 0.7;

/** Use of a bound. */
export interface BoundStatus {
  readonly name: string;
  readonly used: number;
  readonly max: number;
}

/** A counted quantity with an upper limit. */
export interface Bound {
  /** Name for display and labels, such as `client links`. */
  readonly name: string;
  readonly max: number;
  readonly used: () => number;
}

/** Reports bounds that are nearly reached: one event each time, and a warning for as long as it lasts. */
export class Bounds {
  readonly #onEvent: EventListener;
  readonly #bounds: Bound[] = [];
  readonly #near = new Set<Bound>();

  constructor(onEvent: EventListener) {
    this.#onEvent = onEvent;
  }

  add(...bounds: readonly Bound[]): void {
    this.#bounds.push(...bounds);
  }

  get status(): readonly BoundStatus[] {
    return this.#bounds.map(({ name, max, used }) => ({ name, used: used(), max }));
  }

  /** Warnings for the bounds that were near at the last look. */
  get warnings(): readonly { readonly code: string; readonly message: string }[] {
    return [...this.#near].map((bound) => ({ code: 'BOUND_NEAR', message: sentenceOf(bound) }));
  }

  /** Checks all bounds. Call it now and then. */
  look(): void {
    for (const bound of this.#bounds) {
      const part = bound.used() / bound.max;
      if (part < FAR_PART) this.#near.delete(bound);
      if (part < NEAR_PART || this.#near.has(bound)) continue;
      this.#near.add(bound);
      this.#onEvent({ level: 'warn', code: 'BOUND_NEAR', message: sentenceOf(bound) });
    }
  }
}

function sentenceOf({ name, max, used }: Bound): string {
  return `${name}: ${used()} of at most ${max}`;
}
