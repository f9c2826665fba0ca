import { isWalshipError } from '../../errors.ts';
import type { NodeEvent } from './events.ts';

/** Events that a node keeps in memory; the oldest give way. */
export const EVENTS_MAX = 1_000;

/** An event in the log of the node it happened to. */
export interface LoggedEvent {
  /** 1, 2, 3, … since the node started. */
  readonly seq: number;
  /** When it happened first, in milliseconds since 1970 by the clock of the machine. */
  readonly timeMs: number;
  readonly level: NodeEvent['level'];
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** How often it came up with nothing else in between. */
  readonly times: number;
}

export interface EventPage {
  readonly events: readonly LoggedEvent[];
  /** Of the oldest that is kept; null where there is none. */
  readonly oldest: number | null;
  /** Ask for what comes after this one the next time. */
  readonly next: number;
}

/**
 * What happened to one node: leaderships, promises, truncations, refusals, alarms. In memory only: it begins anew with the process,
 * and the program's log has the rest.
 */
export class EventLog {
  readonly #wallMs: () => number;
  readonly #events: LoggedEvent[] = [];
  readonly #counts = new Map<string, number>();
  #seq = 0;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /** How often each code came up since the start. */
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

  /** Notes that what a person asked for failed, where it does. Gives back `result`, as it is. */
  watch<T>(asked: string, result: Promise<T>): Promise<T> {
    result.catch((error: unknown) => {
      const code = isWalshipError(error) ? error.code : 'INTERNAL';
      const message = error instanceof Error ? error.message : String(error);
      this.note({ level: 'warn', code, message: `${asked} was requested and failed: ${message}` });
    });
    return result;
  }

  /** What came after the event numbered `seq`, oldest first, at most `limit`. */
  after(seq: number, limit: number): EventPage {
    const events = this.#events.filter((event) => event.seq > seq).slice(0, limit);
    return {
      events,
      oldest: this.#events[0]?.seq ?? null,
      next: events.at(-1)?.seq ?? Math.min(seq, this.#seq),
    };
  }
}
