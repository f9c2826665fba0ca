/** Small recordings of a cluster of three that does everything right, to be changed in one place each. */
import type { NodeStatus } from '../../src/node/api/api.ts';
import { History } from '../../src/check/history.ts';
import type { WriteOutcome } from '../../src/check/history.ts';
import type {
  FinalState,
  NodeSample,
  Recording,
  SetWrite,
  TimelineEvent,
  Transfer,
  WatchChange,
  WatchRecord,
} from '../../src/drill/recording/recording.ts';
import { accountValue, SETUP_ID } from '../../src/drill/load/workload-accounts.ts';
import { parseVersion } from '../../src/wal/format/position.ts';
import type { Version } from '../../src/wal/format/position.ts';

export const NODES = ['n1', 'n2', 'n3'];
const ACCOUNTS = ['acct/0', 'acct/1'];
const BALANCE = 100;
/** Moments of the phases: fault, healed, end of the load. */
export const FAULT_MS = 1_000;
export const HEALED_MS = 2_000;
export const LOAD_END_MS = 3_000;
const STEP_MS = 3;

export function version(text: string): Version {
  const parsed = parseVersion(text);
  if (parsed === undefined) throw new RangeError(`no version: ${text}`);
  return parsed;
}

export function statusOf(
  nodeId: string,
  durable: Version,
  more: Partial<NodeStatus> = {},
): NodeStatus {
  return {
    nodeId,
    role: nodeId === 'n1' ? 'leader' : 'follower',
    durable: { ...durable, chain: durable.lsn * 31 + durable.epoch },
    leadership: null,
    notReady: null,
    uptimeMs: 100,
    counters: {},
    ...more,
  } as NodeStatus;
}

/**
 * Writes one thing after the other, in one log. What was written is in every watch and on every node; `build` makes a recording of it.
 * All lists may be changed before.
 */
export class RecordingBuilder {
  readonly history: History;
  readonly setWrites: SetWrite[] = [];
  readonly transfers: Transfer[] = [];
  readonly accountReads: Recording['accountReads'][number][] = [];
  readonly timeline: TimelineEvent[] = [];
  readonly samples: NodeSample[] = [];
  readonly changes: WatchChange[] = [];
  readonly entries = new Map<string, { value: string; version: Version }>();
  readonly readProbes: Recording['readProbes'][number][] = [];
  loss: Recording['scenario']['loss'] = 'none';
  lossByChance = false;
  purges = false;
  staysDown: readonly string[] = [];
  epoch = 1;
  lsn = 0;
  nowMs = 0;
  #setup: Version = { epoch: 0, lsn: 0 };
  #count = 0;

  constructor() {
    this.history = new History(() => this.nowMs);
    for (const name of ACCOUNTS) {
      const last = name === ACCOUNTS.at(-1);
      this.#setup = this.logged(name, accountValue(BALANCE, SETUP_ID), last);
    }
  }

  /** The clock goes on. */
  tick(): number {
    this.nowMs += STEP_MS;
    return this.nowMs;
  }

  /** A record in the log, and so in every watch and on every node. */
  logged(key: string, value: string | undefined, last = true): Version {
    this.lsn += 1;
    const at = { epoch: this.epoch, lsn: this.lsn };
    const op = value === undefined ? 'delete' : 'put';
    this.changes.push({ atMs: this.nowMs, op, key, value: value ?? '', version: at, last });
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, { value, version: at });
    return at;
  }

  /** A write to the set that is acknowledged. `more` changes what is recorded of it. */
  set(more: Partial<SetWrite> = {}): SetWrite {
    const calledAt = this.tick();
    this.#count += 1;
    const key = `set/s1/${this.#count}`;
    const value = `s1-${this.#count}`;
    const written: SetWrite = {
      key,
      value,
      ack: 'quorum',
      calledAt,
      version: this.logged(key, value),
      returnedAt: this.tick(),
      end: 'acknowledged',
      code: undefined,
      ...more,
    };
    this.setWrites.push(written);
    return written;
  }

  /** As `set`, and it is nowhere. */
  setNowhere(more: Partial<SetWrite> = {}): SetWrite {
    const written = this.set(more);
    this.forget(written.key);
    return written;
  }

  /** It is in no watch and on no node. */
  forget(key: string): void {
    this.entries.delete(key);
    for (let index = this.changes.length - 1; index >= 0; index -= 1) {
      if (this.changes[index]?.key === key) this.changes.splice(index, 1);
    }
  }

  /** A put to a register (undefined: a delete), with what came of it; `happens` says whether it got into the log. */
  register(key: string, value: string | undefined, outcome?: WriteOutcome, happens = true): void {
    this.tick();
    const failed = outcome?.kind === 'condition-failed' ? outcome : undefined;
    // A write fails for the sake of a condition only where it has one.
    const expect = failed?.actual === null ? ('present' as const) : ('absent' as const);
    const conditions = failed === undefined ? [] : [{ key, expect }];
    const returned = this.history.write({ client: 'r1', conditions, ops: [{ key, value }] });
    const at = happens ? this.logged(key, value) : undefined;
    this.tick();
    returned(outcome ?? { kind: 'acknowledged', version: at });
  }

  /** A linearizable read of what the register is; `shown` instead, where given. */
  read(key: string, shown?: { value: string; version: Version }): void {
    const call = { client: 'r2', key, calledAt: this.history.now() };
    this.tick();
    this.history.got(call, shown ?? this.entries.get(key));
    const { calledAt } = call;
    this.readProbes.push({
      level: 'linearizable',
      nodeId: 'n1',
      calledAt,
      returnedAt: this.nowMs,
      ok: true,
      code: undefined,
    });
  }

  /** From the first account to the second. */
  transfer(amount: number, more: Partial<Transfer> = {}): Transfer {
    const calledAt = this.tick();
    this.#count += 1;
    const id = `t1-${this.#count}`;
    const [from = '', to = ''] = ACCOUNTS;
    const [a, b] = [this.#balance(from), this.#balance(to)];
    const after = { from: this.#at(from), to: this.#at(to) };
    this.logged(from, accountValue(a - amount, id), false);
    const at = this.logged(to, accountValue(b + amount, id));
    const done: Transfer = {
      id,
      from,
      to,
      amount,
      after,
      calledAt,
      returnedAt: this.tick(),
      end: 'acknowledged',
      version: at,
      ...more,
    };
    this.transfers.push(done);
    return done;
  }

  lookAtAccounts(balances?: Readonly<Record<string, number>>): void {
    const applied = { epoch: this.epoch, lsn: this.lsn };
    const all = Object.fromEntries(ACCOUNTS.map((name) => [name, this.#balance(name)]));
    this.accountReads.push({
      atMs: this.tick(),
      nodeId: 'n2',
      applied,
      balances: balances ?? all,
    });
  }

  localProbe(nodeId: string): void {
    const calledAt = this.nowMs;
    this.readProbes.push({
      level: 'local',
      nodeId,
      calledAt,
      returnedAt: this.tick(),
      ok: true,
      code: undefined,
    });
  }

  /** A read of what n3 has applied, which is everything. */
  readLocally(key: string): void {
    const calledAt = this.history.now();
    this.tick();
    this.history.gotLocally({
      client: 'r3',
      node: 'n3',
      key,
      calledAt,
      minVersion: undefined,
      applied: { epoch: this.epoch, lsn: this.lsn },
      found: this.entries.get(key),
    });
  }

  /** Enough of everything until that moment. */
  until(ms: number): this {
    while (this.nowMs < ms) {
      this.set();
      this.register('reg/1', `r-${this.nowMs}`);
      this.read('reg/1');
      this.readLocally('reg/1');
      this.transfer(1);
      this.lookAtAccounts();
      this.localProbe('n3');
    }
    return this;
  }

  watch(more: Partial<WatchRecord> = {}): WatchRecord {
    const from = { epoch: 0, lsn: 0 };
    const changes = [...this.changes];
    return { watcher: 'watch-n1', nodeId: 'n1', from, changes, failed: undefined, ...more };
  }

  final(nodeId: string, more: Partial<FinalState> = {}): FinalState {
    const durable = { epoch: this.epoch, lsn: this.lsn };
    return {
      nodeId,
      status: statusOf(nodeId, durable),
      entries: new Map(this.entries),
      events: [],
      saved: [],
      output: '',
      ...more,
    };
  }

  build(more: Partial<Recording> = {}): Recording {
    const { history, setWrites, transfers, accountReads, timeline, samples, readProbes } = this;
    return {
      scenario: {
        name: 'test',
        about: 'a test',
        loss: this.loss,
        lossByChance: this.lossByChance,
        purges: this.purges,
      },
      target: 'local',
      seed: 1,
      startedAt: 0,
      walship: 'test',
      voters: NODES,
      quorum: 2,
      staysDown: this.staysDown,
      phases: {
        faultsFromMs: FAULT_MS,
        healedMs: HEALED_MS,
        loadEndMs: LOAD_END_MS,
        convergedMs: LOAD_END_MS + 100,
        endMs: LOAD_END_MS + 200,
      },
      timeline,
      faults: [],
      samples,
      history,
      setWrites,
      transfers,
      accounts: { names: ACCOUNTS, balance: BALANCE, version: this.#setup },
      accountReads,
      watches: [this.watch(), this.watch({ watcher: 'watch-library', nodeId: undefined })],
      readProbes,
      finals: NODES.map((nodeId) => this.final(nodeId)),
      logDifferences: [],
      ...more,
    };
  }

  #balance(name: string): number {
    return Number(this.entries.get(name)?.value.split(' ')[0]);
  }

  #at(name: string): Version {
    return this.entries.get(name)?.version ?? { epoch: 0, lsn: 0 };
  }
}

/** One that ran to its end, and nothing went wrong. */
export function whole(): RecordingBuilder {
  return new RecordingBuilder().until(LOAD_END_MS);
}
