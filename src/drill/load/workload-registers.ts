import type { Expectation, WriteOutcome } from '../../check/history.ts';
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { Version } from '../../wal/format/position.ts';
import type { WriteAnswer } from './drill-client.ts';
import type { LoadContext, LoadPart } from './load-context.ts';
import { Pace } from './pace.ts';

/** Number of clients; each calls one operation after the other, in a session of its own. */
export const REGISTER_CLIENTS = 4;
/** Interval of a client's operations: 60 a second, all clients together. */
export const REGISTER_EVERY_MS = 66;
/** Number of registers in use at a time. */
export const REGISTERS = 3;
/**
 * Milliseconds after which new registers take their place: the judge searches an order of all operations on one, and
 * that must stay cheap.
 */
export const REGISTER_ROTATE_MS = 4_000;
const WRITE_TIMEOUT_MS = 1_500;
const READ_TIMEOUT_MS = 1_000;

/** Registers with unique values: puts, deletes, conditional ones, linearizable reads, and reads of one node. */
export class RegisterWorkload implements LoadPart {
  readonly #context: LoadContext;
  readonly #clients: readonly RegisterClient[];
  #startedAt = 0;

  constructor(context: LoadContext) {
    this.#context = context;
    this.#clients = Array.from({ length: REGISTER_CLIENTS }, (_, index) => {
      const name = `r${index + 1}`;
      const entropy = context.entropy.fork(name);
      return new RegisterClient(name, { ...context, entropy }, () => this.key(entropy));
    });
  }

  start(): void {
    this.#startedAt = this.#context.history.now();
    for (const { pace } of this.#clients) pace.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map(async ({ pace }) => await pace.stop()));
  }

  /** Returns one of the registers in use. */
  key(entropy: SeededEntropy): string {
    const { history, prefix } = this.#context;
    const round = Math.floor((history.now() - this.#startedAt) / REGISTER_ROTATE_MS);
    return `${prefix}reg/${String(round).padStart(3, '0')}-${entropy.below(REGISTERS) + 1}`;
  }
}

class RegisterClient {
  readonly pace: Pace;
  readonly #name: string;
  readonly #context: LoadContext;
  readonly #key: () => string;
  /** Version of a register that this client last wrote or saw; null: absent. */
  readonly #known = new Map<string, Version | null>();
  #count = 0;

  constructor(name: string, context: LoadContext, key: () => string) {
    this.#name = name;
    this.#context = context;
    this.#key = key;
    const begin = async (): Promise<void> => await this.#act();
    this.pace = new Pace({ everyMs: REGISTER_EVERY_MS, inFlightMax: 1, begin });
  }

  async #act(): Promise<void> {
    const { entropy } = this.#context;
    const key = this.#key();
    const draw = entropy.fraction();
    if (draw < 0.35) return await this.#read(key);
    if (draw < 0.5) return await this.#readLocally(key);
    if (draw < 0.75) return await this.#write(key, { value: this.#value(), expect: undefined });
    const known = this.#known.get(key);
    const expect = known === null || known === undefined ? 'absent' : known;
    if (draw < 0.92) return await this.#write(key, { value: this.#value(), expect });
    await this.#write(key, { value: undefined, expect: draw < 0.96 ? undefined : 'present' });
  }

  #value(): string {
    this.#count += 1;
    return `${this.#name}-${this.#count}`;
  }

  async #write(
    key: string,
    { value, expect }: { value: string | undefined; expect: Expectation | undefined },
  ): Promise<void> {
    const { client, history } = this.#context;
    const conditions = expect === undefined ? [] : [{ key, expect }];
    const ops = [{ key, value }];
    const returned = history.write({ client: this.#name, conditions, ops });
    const answer = await client.write({
      client: this.#name,
      conditions,
      ops,
      ack: 'quorum',
      timeoutMs: WRITE_TIMEOUT_MS,
    });
    returned(outcomeOf(answer));
    if (answer.end === 'acknowledged') {
      this.#known.set(key, value === undefined ? null : answer.version);
    } else if (answer.end === 'rejected' && answer.actual !== undefined) {
      this.#known.set(key, answer.actual);
    }
  }

  async #read(key: string): Promise<void> {
    const { client, history } = this.#context;
    const call = { client: this.#name, key, calledAt: history.now() };
    const answer = await client.read({
      client: this.#name,
      key,
      level: 'linearizable',
      nodeId: undefined,
      minVersion: undefined,
      timeoutMs: READ_TIMEOUT_MS,
    });
    if (!answer.ok) return;
    history.got(call, answer.found);
    this.#known.set(key, answer.found?.version ?? null);
  }

  /** Reads the state that one node has applied; every other time at least the version that this client knows. */
  async #readLocally(key: string): Promise<void> {
    const { client, history, entropy } = this.#context;
    const nodeId = entropy.pick(client.nodes);
    const minVersion = entropy.chance(0.5) ? (this.#known.get(key) ?? undefined) : undefined;
    const call = { client: this.#name, key, calledAt: history.now() };
    const answer = await client.read({
      client: this.#name,
      key,
      level: 'local',
      nodeId,
      minVersion,
      timeoutMs: READ_TIMEOUT_MS,
    });
    if (!answer.ok || answer.applied === undefined) return;
    const { applied, found } = answer;
    history.gotLocally({ ...call, node: nodeId, minVersion, applied, found });
  }
}

function outcomeOf(answer: WriteAnswer): WriteOutcome {
  if (answer.end === 'rejected') {
    return answer.code === 'CONDITION_FAILED'
      ? { kind: 'condition-failed', actual: answer.actual }
      : { kind: 'rejected' };
  }
  const committed = answer.end === 'acknowledged' || answer.committed;
  return { kind: committed ? 'acknowledged' : 'indeterminate', version: answer.version };
}
