/** What a drill did, as it happens and in order. */
import type { TimelineEvent } from './recording.ts';

export class Timeline {
  readonly #events: TimelineEvent[] = [];
  readonly #nowMs: () => number;
  readonly #onEvent: (event: TimelineEvent) => void;

  constructor(nowMs: () => number, onEvent: (event: TimelineEvent) => void) {
    this.#nowMs = nowMs;
    this.#onEvent = onEvent;
  }

  /** Notes an event of now, or of the moment that it has. */
  note(event: Omit<TimelineEvent, 'atMs'> & { readonly atMs?: number }): void {
    const noted = { ...event, atMs: event.atMs ?? this.#nowMs() };
    this.#events.push(noted);
    this.#onEvent(noted);
  }

  /** By the moment at which each began. */
  get events(): readonly TimelineEvent[] {
    return this.#events.toSorted((a, b) => a.atMs - b.atMs);
  }
}
