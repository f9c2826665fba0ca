import type { LoadContext, LoadPart } from './load-context.ts';
import { Pace } from './pace.ts';
import type { SetWrite } from '../recording/recording.ts';

/** Number of writers, each with a session of its own. */
export const SET_WRITERS = 3;
/** Interval of a writer's writes: 150 a second, all writers together. */
export const SET_WRITE_EVERY_MS = 20;
const IN_FLIGHT_MAX = 64;
const TIMEOUT_MS = 2_000;
const NUMBER_DIGITS = 7;

/** Append-only set: every element is a key of its own, written once and never again. */
export class SetWorkload implements LoadPart {
  readonly #context: LoadContext;
  readonly #ack: SetWrite['ack'];
  readonly #done: SetWrite[] = [];
  readonly #pending = new Set<Pick<SetWrite, 'key' | 'value' | 'calledAt'>>();
  readonly #paces: readonly Pace[];
  #count = 0;
  #acknowledged = 0;
  readonly #rejected = new Map<string, number>();

  constructor(context: LoadContext, ack: SetWrite['ack']) {
    this.#context = context;
    this.#ack = ack;
    this.#paces = Array.from({ length: SET_WRITERS }, (_, index) => {
      const begin = async (): Promise<void> => await this.#write(`s${index + 1}`);
      return new Pace({ everyMs: SET_WRITE_EVERY_MS, inFlightMax: IN_FLIGHT_MAX, begin });
    });
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Number of rejected writes, by code. */
  get rejected(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#rejected);
  }

  /** Writes in the order in which they returned; those that did not return come last. */
  get writes(): readonly SetWrite[] {
    const open = [...this.#pending].map((write) => ({
      ...write,
      ack: this.#ack,
      returnedAt: Number.POSITIVE_INFINITY,
      end: 'indeterminate' as const,
      version: undefined,
      code: undefined,
    }));
    return [...this.#done, ...open];
  }

  start(): void {
    for (const pace of this.#paces) pace.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#paces.map(async (pace) => await pace.stop()));
  }

  async #write(writer: string): Promise<void> {
    const { client, history, prefix } = this.#context;
    this.#count += 1;
    const number = String(this.#count).padStart(NUMBER_DIGITS, '0');
    const key = `${prefix}set/${writer}/${number}`;
    const begun = { key, value: `${writer}-${number}`, calledAt: history.now() };
    this.#pending.add(begun);
    const answer = await client.write({
      client: writer,
      conditions: [],
      ops: [{ key, value: begun.value }],
      ack: this.#ack,
      timeoutMs: TIMEOUT_MS,
    });
    this.#pending.delete(begun);
    if (answer.end === 'acknowledged') this.#acknowledged += 1;
    if (answer.end === 'rejected') {
      this.#rejected.set(answer.code, (this.#rejected.get(answer.code) ?? 0) + 1);
    }
    this.#done.push({
      ...begun,
      ack: this.#ack,
      returnedAt: history.now(),
      end: answer.end,
      version: 'version' in answer ? answer.version : undefined,
      code: 'code' in answer ? answer.code : undefined,
      durableOn: 'durableOn' in answer ? answer.durableOn : undefined,
    });
  }
}
