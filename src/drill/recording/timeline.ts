/** Timeline of a drill's events, in order. */
import type { TimelineEvent } from './recording.ts';

export class Timeline {
  readonly #events: TimelineEvent[] = [];
  readonly #nowMs: () => number;
  readonly #onEvent: (event: TimelineEvent) => void;

  constructor(nowMs: () => number, onEvent: (event: TimelineEvent) => void) {
    this.#nowMs = nowMs;
    this.#onEvent = onEvent;
  }

  /** Notes an event of now, or of its own time if it has one. */
  note(event: Omit<TimelineEvent, 'atMs'> & { readonly atMs?: number }): void {
    const noted = { ...event, atMs: event.atMs ?? this.#nowMs() };
    this.#events.push(noted);
    this.#onEvent(noted);
  }

  /** Events by the times at which they began. */
  get events(): readonly TimelineEvent[] {
    return this.#events.toSorted((a, b) => a.atMs - b.atMs);
  }
}
