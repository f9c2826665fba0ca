import { isWalshipError } from '../../errors.ts';
import type { NodeEvent } from './events.ts';

/** Number of events that a node keeps in memory; the oldest are dropped. */
export const EVENTS_MAX = 1_000;

/** An event in the log of its node. */
export interface LoggedEvent {
  /** Sequence number: 1, 2, 3, … since the node started. */
  readonly seq: number;
  /** Time of the first occurrence, in milliseconds since 1970 by the clock of the machine. */
  readonly timeMs: number;
  readonly level: NodeEvent['level'];
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** Number of occurrences with no other event in between. */
  readonly times: number;
}

export interface EventPage {
  readonly events: readonly LoggedEvent[];
  /** Sequence number of the oldest kept event; null where there is none. */
  readonly oldest: number | null;
  /** Sequence number to pass as `after` for the next page. */
  readonly next: number;
}

/**
 * Log of one node's events: leaderships, promises, truncations, refusals, alarms. Kept in memory only: it is empty
 * when the process starts, and the program's own log has the rest.
 */
export class EventLog {
  readonly #wallMs: () => number;
  readonly #events: LoggedEvent[] = [];
  readonly #counts = new Map<string, number>();
  #seq = 0;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /** Occurrences of each code since the start. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  note({ level, code, message, ...details }: NodeEvent): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    const last = this.#events.at(-1);
    if (last?.code === code && last.message === message) {
      this.#events[this.#events.length - 1] = { ...last, times: last.times + 1 };
      return;
    }
    this.#seq += 1;
    const timeMs = this.#wallMs();
    this.#events.push({ seq: this.#seq, timeMs, level, code, message, details, times: 1 });
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
  }

  /** Notes an event if the request `asked` of an operator fails. Returns `result` unchanged. */
  watch<T>(asked: string, result: Promise<T>): Promise<T> {
    result.catch((error: unknown) => {
      const code = isWalshipError(error) ? error.code : 'INTERNAL';
      const message = error instanceof Error ? error.message : String(error);
      this.note({ level: 'warn', code, message: `${asked} was requested and failed: ${message}` });
    });
    return result;
  }

  /** Returns the events after the one numbered `seq`, oldest first, at most `limit`. */
  after(seq: number, limit: number): EventPage {
    const events = this.#events.filter((event) => event.seq > seq).slice(0, limit);
    return {
      events,
      oldest: this.#events[0]?.seq ?? null,
      next: events.at(-1)?.seq ?? Math.min(seq, this.#seq),
    };
  }
}
