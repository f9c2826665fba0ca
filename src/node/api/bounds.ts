import type { EventListener } from './events.ts';

/** From this part of a bound on it is said that it is near. */
export const NEAR_PART = 0.8;
/** Below this part it is not near any more: in between nothing is said again and again. */
const FAR_PART = 0.7;

/** How near a bound is. */
export interface BoundStatus {
  readonly name: string;
  readonly used: number;
  readonly max: number;
}

/** Something that is counted, and how much of it there may be. */
export interface Bound {
  /** For people and labels, such as `client links`. */
  readonly name: string;
  readonly max: number;
  readonly used: () => number;
}

/** Says when a bound is near, before it is reached: one event for each time, a warning for as long. */
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

  /** Of those that were near when they were looked at last. */
  get warnings(): readonly { readonly code: string; readonly message: string }[] {
    return [...this.#near].map((bound) => ({ code: 'BOUND_NEAR', message: sentenceOf(bound) }));
  }

  /** To be called now and then. */
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
