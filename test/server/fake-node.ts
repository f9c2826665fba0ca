import { WalshipError } from '../../src/errors.ts';
import type {
  Condition,
  FailoverRequest,
  FailoverResult,
  NodeApi,
  NodeStatus,
  PromoteResult,
  RejoinRequest,
  RejoinResult,
  ReadRequest,
  ReadResult,
  ScanRequest,
  ScanResult,
  SnapshotResult,
  SwitchoverRequest,
  SwitchoverResult,
  WaitRequest,
  WatchEvent,
  WatchRequest,
  WriteRequest,
  WriteResult,
} from '../../src/node/api/api.ts';
import { Bounds } from '../../src/node/api/bounds.ts';
import { EventLog } from '../../src/node/api/event-log.ts';
import type { EventPage } from '../../src/node/api/event-log.ts';
import type { Link } from '../../src/ports/link.ts';
import type { Version } from '../../src/wal/format/position.ts';

const EPOCH = 3;

/** What a promotion says. */
export const LEADERSHIP = {
  epoch: 4,
  how: 'promises',
  promisedBy: ['n1', 'n2'],
  vouchedBy: ['n1', 'n2'],
  after: { epoch: 3, lsn: 7 },
  atRisk: { fromLsn: 8, heldBy: ['n3'] },
  outageMs: 1234,
} as const;

/** A node without disk or peers: one map, one list of changes. */
export class FakeNode implements NodeApi {
  readonly nodeId: string;
  readonly contract = ['line one', 'line two'];
  readonly stopped = new Promise<void>(() => {});
  readonly links: Link[] = [];
  readonly eventLog = new EventLog(() => 1_000);
  readonly writes: WriteRequest[] = [];
  readonly reads: ReadRequest[] = [];
  /** What an operator asked for. */
  readonly orders: string[] = [];
  /** How many events watchers took. */
  eventsTaken = 0;
  /** What the next calls throw. */
  failure: unknown;
  /** What the next calls throw, one each. */
  readonly failures: unknown[] = [];
  /** `failure` ends writes only. */
  forgiving = false;
  /** Why writes are refused before they are read. */
  refusal: WalshipError | undefined;
  readonly bounds = new Bounds((event) => this.eventLog.note(event));
  /** Parts of the status that differ. */
  view: Partial<NodeStatus> = {};
  /** Holds back writes until it resolves. */
  gate: Promise<void> = Promise.resolve();
  readonly #entries = new Map<string, { value: Buffer; version: Version }>();
  readonly #log: Extract<WatchEvent, { kind: 'change' }>[] = [];
  readonly #wakers = new Set<() => void>();
  #lsn = 0;

  constructor(nodeId = 'n1') {
    this.nodeId = nodeId;
  }

  writeRefusal(): WalshipError | undefined {
    return this.refusal;
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    this.writes.push(request);
    await this.gate;
    this.#mayFail(true);
    for (const condition of request.conditions) this.#check(condition);
    for (const [index, { op, key, value }] of request.ops.entries()) {
      this.#lsn += 1;
      const version = { epoch: EPOCH, lsn: this.#lsn };
      const name = Buffer.from(key).toString('latin1');
      if (op === 'put') this.#entries.set(name, { value: Buffer.from(value), version });
      else this.#entries.delete(name);
      const last = index === request.ops.length - 1;
      const event = { kind: 'change' as const, op, version, last };
      this.#log.push({ ...event, key: Buffer.from(key), value: Buffer.from(value) });
    }
    for (const wake of this.#wakers) wake();
    return { version: this.#applied, ack: request.ack, durableOn: ['n1', 'n2'] };
  }

  async read(request: ReadRequest): Promise<ReadResult> {
    this.reads.push(request);
    this.#mayFail();
    const found = this.#entries.get(Buffer.from(request.key).toString('latin1'));
    return { found, applied: this.#applied };
  }

  async scan({ prefix, after, limit }: ScanRequest): Promise<ScanResult> {
    this.#mayFail();
    const names = [...this.#entries.keys()]
      .toSorted((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')))
      .filter((name) => prefix === undefined || name.startsWith(latin1(prefix)))
      .filter((name) => after === undefined || name > latin1(after));
    const entries = names.slice(0, limit).map((name) => {
      const { value, version } = this.#entries.get(name) ?? {
        value: Buffer.alloc(0),
        version: this.#applied,
      };
      return { key: Buffer.from(name, 'latin1'), value, version };
    });
    return { entries, more: names.length > limit, applied: this.#applied };
  }

  async *watch({ after, prefix, signal }: WatchRequest): AsyncGenerator<WatchEvent> {
    this.#mayFail();
    let next = after.lsn;
    while (!signal.aborted) {
      const event = this.#log[next];
      if (event === undefined) {
        yield { kind: 'progress', version: { epoch: EPOCH, lsn: next } };
        await this.#more(signal);
        this.#mayFail();
        continue;
      }
      next += 1;
      if (prefix !== undefined && !latin1(event.key).startsWith(latin1(prefix))) continue;
      this.eventsTaken += 1;
      yield event;
    }
  }

  async wait({ version }: WaitRequest): Promise<Version> {
    this.#mayFail();
    if (version.lsn > this.#lsn) throw new WalshipError('WAIT_TIMEOUT', 'not reached in time');
    return this.#applied;
  }

  status(): NodeStatus {
    return {
      nodeId: this.nodeId,
      clusterId: '0'.repeat(32),
      historyId: '1'.repeat(32),
      role: 'leader',
      state: 'intact',
      epoch: EPOCH,
      leader: { nodeId: 'n1', address: '127.0.0.1:1' },
      voters: [{ nodeId: 'n1', address: '127.0.0.1:1' }],
      quorum: 1,
      failover: 'manual',
      received: { ...this.#applied, chain: 7 },
      durable: { ...this.#applied, chain: 7 },
      committedLsn: this.#lsn,
      applied: this.#applied,
      promise: { epoch: EPOCH, candidate: 'n1' },
      keys: this.#entries.size,
      uncommittedBytes: 0,
      leadership: null,
      followers: [],
      log: { firstLsn: 1, bytes: 0, snapshotLsn: 0, holds: [] },
      notReady: null,
      commitWaits: null,
      why: [],
      mayNotLead: null,
      warnings: [],
      contract: this.contract,
      uptimeMs: 1500,
      counters: { truncations: 2 },
      ...this.view,
    };
  }

  events({ after, limit }: { readonly after: number; readonly limit: number }): EventPage {
    return this.eventLog.after(after, limit);
  }

  accept(link: Link): void {
    this.links.push(link);
  }

  async snapshot(): Promise<SnapshotResult> {
    this.orders.push('snapshot');
    this.#mayFail();
    const path = '/data/snapshots/00000000000000000004.snap';
    return { path, startLsn: 4, endLsn: 6, keys: 2, bytes: 500, tookMs: 7 };
  }

  async promote(): Promise<PromoteResult> {
    this.orders.push('promote');
    this.#mayFail();
    return { ...LEADERSHIP, tookMs: 12 };
  }

  async switchover({ to }: SwitchoverRequest): Promise<SwitchoverResult> {
    this.orders.push('switchover');
    this.#mayFail();
    return { from: this.nodeId, to, epoch: 4, lsn: this.#lsn, outageMs: 34 };
  }

  async failover({ acceptDataLoss, quorum = 1 }: FailoverRequest): Promise<FailoverResult> {
    this.orders.push('failover');
    this.#mayFail();
    const risk = { some: true, fromLsn: 8, toLsn: 'unknown' as const, message: 'two are in doubt' };
    const from = { epoch: EPOCH, lsn: 9 };
    return {
      done: acceptDataLoss,
      voters: ['n1'],
      quorum,
      answered: [{ nodeId: 'n1', state: 'intact', position: from, claim: null }],
      missing: [{ nodeId: 'n2', message: 'no answer', atLeast: null }],
      kept: from,
      risk,
      historyId: acceptDataLoss ? 'b'.repeat(32) : null,
      previousHistoryId: 'a'.repeat(32),
      epoch: acceptDataLoss ? 1_000_007 : null,
      notLeading: null,
      tookMs: 12,
    };
  }

  async rejoin({ discard, from }: RejoinRequest): Promise<RejoinResult> {
    this.orders.push('rejoin');
    this.#mayFail();
    const cut = { records: 2, fromLsn: 8, toLsn: 9, saved: ['00000000000000000008-1.wal'] };
    return {
      leader: from ?? 'n2',
      epoch: 4,
      historyId: 'b'.repeat(32),
      previousHistoryId: 'a'.repeat(32),
      cut: discard ? cut : null,
      tookMs: 12,
    };
  }

  async close(): Promise<void> {}

  /** Lets waiting watchers look again. */
  wake(): void {
    for (const wake of this.#wakers) wake();
  }

  get #applied(): Version {
    return { epoch: EPOCH, lsn: this.#lsn };
  }

  #mayFail(write = false): void {
    const next = this.failures.shift();
    if (next !== undefined) throw next;
    if (this.failure !== undefined && (write || !this.forgiving)) throw this.failure;
  }

  #check({ key, expect }: Condition): void {
    const version = this.#entries.get(latin1(key))?.version;
    const holds =
      expect === 'absent'
        ? version === undefined
        : expect === 'present'
          ? version !== undefined
          : version?.lsn === expect.lsn && version.epoch === expect.epoch;
    if (!holds) {
      throw new WalshipError('CONDITION_FAILED', 'the condition does not hold', {
        outcome: 'rejected',
      });
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wakers.delete(done);
        resolve();
      };
      this.#wakers.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
