/** Clients that lie to the load, once, in one way each. All other calls pass unchanged. */
import type { Version } from '../../wal/format/position.ts';
import { comparePositions } from '../../wal/format/position.ts';
import type {
  DrillChange,
  DrillClient,
  DrillPage,
  DrillRead,
  DrillWatch,
  DrillWrite,
  PageAnswer,
  ReadAnswer,
  WriteAnswer,
} from './drill-client.ts';

/**
 * Number of writes to the set, or of its changes in a watch, that pass before one is tampered with: by then all parts
 * run.
 */
const BEFORE = 30;
/** Number of transfers or reads of all accounts that pass before one is tampered with. */
const TRANSFERS_BEFORE = 5;

/** Client that passes all calls on. */
class Passing implements DrillClient {
  protected readonly inner: DrillClient;

  constructor(inner: DrillClient) {
    this.inner = inner;
  }

  get nodes(): readonly string[] {
    return this.inner.nodes;
  }

  write(call: DrillWrite): Promise<WriteAnswer> {
    return this.inner.write(call);
  }

  read(call: DrillRead): Promise<ReadAnswer> {
    return this.inner.read(call);
  }

  page(call: DrillPage): Promise<PageAnswer> {
    return this.inner.page(call);
  }

  watch(call: DrillWatch): AsyncIterable<DrillChange> {
    return this.inner.watch(call);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/**
 * Way of tampering with one write to the set. `before` is the version of the last write that was acknowledged before
 * it was called.
 */
type SetTamper = (
  call: DrillWrite,
  send: () => Promise<WriteAnswer>,
  before: Version,
) => Promise<WriteAnswer>;

/** Tampers with one write to the set, or with that and all after it. */
export class SetTampering extends Passing {
  readonly #tamper: SetTamper;
  readonly #forEver: boolean;
  #count = 0;
  #newest: Version = { epoch: 0, lsn: 0 };

  constructor(inner: DrillClient, tamper: SetTamper, forEver = false) {
    super(inner);
    this.#tamper = tamper;
    this.#forEver = forEver;
  }

  override async write(call: DrillWrite): Promise<WriteAnswer> {
    const send = async (): Promise<WriteAnswer> => await this.inner.write(call);
    if (call.ops[0]?.key.includes('set/') !== true) return await send();
    this.#count += 1;
    const isChosen = this.#forEver ? this.#count > BEFORE : this.#count === BEFORE;
    if (isChosen) return await this.#tamper(call, send, this.#newest);
    const answer = await send();
    if (answer.end === 'acknowledged' && comparePositions(answer.version, this.#newest) > 0) {
      this.#newest = answer.version;
    }
    return answer;
  }
}

/** Acknowledges a write that was never sent. */
export const loseWrite: SetTamper = async (_call, _send, { epoch, lsn }) => ({
  end: 'acknowledged',
  version: { epoch, lsn: lsn + 1 },
});

/** Sends a write twice. */
export const sendTwice: SetTamper = async (_call, send) => {
  const answer = await send();
  await send();
  return answer;
};

/** Sends a write, and reports it as rejected. */
export const callRejected: SetTamper = async (_call, send) => {
  await send();
  return { end: 'rejected', code: 'NO_QUORUM', actual: undefined };
};

/** Acknowledges a write with a place in the log before one that was acknowledged earlier. */
export const overtake: SetTamper = async (_call, send, before) => {
  const answer = await send();
  if (answer.end !== 'acknowledged') return answer;
  return { end: 'acknowledged', version: { epoch: before.epoch, lsn: before.lsn - 1 } };
};

/** Reports a write as acknowledged by one node alone. */
export const acknowledgeAlone: SetTamper = async (_call, send) => {
  const answer = await send();
  if (answer.end !== 'acknowledged') return answer;
  return { ...answer, durableOn: (answer.durableOn ?? []).slice(0, 1) };
};

/** Rejects a write that was never sent. */
export const refuse: SetTamper = async () => ({
  end: 'rejected',
  code: 'NO_QUORUM',
  actual: undefined,
});

/** Sends one transfer as two writes. */
export class TornTransfer extends Passing {
  #transfers = 0;

  override async write(call: DrillWrite): Promise<WriteAnswer> {
    const [first, ...rest] = call.ops;
    const isTransfer = call.ops.length === 2 && call.conditions.length === 2;
    if (isTransfer) this.#transfers += 1;
    if (!isTransfer || first === undefined || this.#transfers <= TRANSFERS_BEFORE) {
      return await this.inner.write(call);
    }
    const own = (key: string): DrillWrite['conditions'] =>
      call.conditions.filter((condition) => condition.key === key);
    const half = await this.inner.write({ ...call, ops: [first], conditions: own(first.key) });
    if (half.end !== 'acknowledged') return half;
    return await this.inner.write({ ...call, ops: rest, conditions: [] });
  }
}

/** Shows one of the accounts in one read without the latest transfer to it. */
export class TornPage extends Passing {
  #pages = 0;

  override async page(call: DrillPage): Promise<PageAnswer> {
    const answer = await this.inner.page(call);
    this.#pages += 1;
    if (!answer.ok || this.#pages !== TRANSFERS_BEFORE) return answer;
    const [first, ...rest] = answer.entries;
    if (first === undefined) return answer;
    const { value } = first;
    return { ...answer, entries: [{ ...first, value: value.replace(/^-?\d+/, '9999') }, ...rest] };
  }
}

/** Answers a linearizable read with an earlier version than one that was already shown. */
export class StaleRead extends Passing {
  readonly #shown = new Map<string, ReadAnswer[]>();
  #done = false;

  override async read(call: DrillRead): Promise<ReadAnswer> {
    if (call.level !== 'linearizable') return await this.inner.read(call);
    const own = this.#shown.get(call.key) ?? [];
    this.#shown.set(call.key, own);
    const [first] = own;
    // Both were answered before this one was called, so no order explains it.
    const isOld = own.some((later) => isOlder(first, later));
    const answer = await this.inner.read(call);
    if (!this.#done && isOld && first !== undefined && answer.ok) {
      this.#done = true;
      return first;
    }
    if (answer.ok && answer.found !== undefined) own.push(answer);
    return answer;
  }
}

function isOlder(a: ReadAnswer | undefined, b: ReadAnswer): boolean {
  if (a?.ok !== true || !b.ok) return false;
  const [older, newer] = [a.found?.version, b.found?.version];
  return older !== undefined && newer !== undefined && comparePositions(older, newer) < 0;
}

/** Answers one read of a node with a state from before the version that it was asked for. */
export class StaleLocalRead extends Passing {
  #done = false;

  override async read(call: DrillRead): Promise<ReadAnswer> {
    const answer = await this.inner.read(call);
    const { minVersion } = call;
    if (this.#done || !answer.ok || minVersion === undefined) return answer;
    this.#done = true;
    const { epoch, lsn } = minVersion;
    return { ok: true, found: undefined, applied: { epoch, lsn: lsn - 1 } };
  }
}

/** Replaces one change of one watch, at one node. */
export class WatchTampering extends Passing {
  readonly #show: (change: DrillChange) => readonly DrillChange[];

  constructor(inner: DrillClient, show: (change: DrillChange) => readonly DrillChange[]) {
    super(inner);
    this.#show = show;
  }

  override async *watch(call: DrillWatch): AsyncGenerator<DrillChange, void, undefined> {
    let count = 0;
    for await (const change of this.inner.watch(call)) {
      if (change.key.includes('set/')) count += 1;
      const isChosen = count === BEFORE && call.nodeId === this.nodes[0];
      if (isChosen) count += 1;
      yield* isChosen ? this.#show(change) : [change];
    }
  }
}
