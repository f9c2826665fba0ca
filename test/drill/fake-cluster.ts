/** A cluster that is only a table: what the runner does to it, and what its nodes then say. */
import type { AskNode } from '../../src/drill/target/ask-node.ts';
import type { Fault, FaultKind } from '../../src/drill/faults/fault.ts';
import type { JsonAnswer } from '../../src/drill/target/http-json.ts';
import type { FinalState } from '../../src/drill/recording/recording.ts';
import type { DrillParts, LoadRecord } from '../../src/drill/run/runner.ts';
import type { DrillTarget, TargetNode } from '../../src/drill/target/target.ts';
import type { NodeStatus } from '../../src/node/api/api.ts';
import { NodeDisk } from '../../src/ports/node-disk.ts';
import { History } from '../../src/check/history.ts';
import { statusOf } from './statuses.ts';

export class FakeCluster implements DrillTarget, AskNode {
  readonly kind = 'local';
  readonly nodes: readonly TargetNode[] = ['n1', 'n2', 'n3'].map((nodeId) => ({
    nodeId,
    url: `http://${nodeId}`,
  }));
  readonly can: ReadonlySet<FaultKind> = new Set();
  readonly applied: Fault[] = [];
  /** Paths that were posted to, with their host. */
  readonly posted: string[] = [];
  /** Answers to posts, by path and attempt; 200 where there is none. */
  answer: (path: string, attempt: number) => JsonAnswer | undefined = () => undefined;
  leader = 'n1';
  epoch = 1;
  lsn = 10;
  loadStopped = 0;
  loadAbandoned = 0;
  closed = 0;
  nowMs = 0;
  /** What each node says beside what it is. */
  readonly says = new Map<string, Partial<NodeStatus>>();
  readonly #down = new Set<string>(['n1', 'n2', 'n3']);

  async start(): Promise<void> {
    this.#down.clear();
    await Promise.resolve();
  }

  async apply(fault: Fault): Promise<string | undefined> {
    this.applied.push(fault);
    if (fault.kind === 'kill' || fault.kind === 'stop') this.#down.add(fault.node);
    if (fault.kind === 'power-cut') for (const node of fault.nodes) this.#down.add(node);
    if (fault.kind === 'start') this.#down.delete(fault.node);
    return await Promise.resolve(undefined);
  }

  isUp(nodeId: string): boolean {
    return !this.#down.has(nodeId);
  }

  async dataDir(): Promise<string | undefined> {
    return await Promise.resolve(undefined);
  }

  async output(nodeId: string): Promise<string> {
    return await Promise.resolve(`${nodeId} says nothing`);
  }

  async close(): Promise<void> {
    this.closed += 1;
    await Promise.resolve();
  }

  readonly status = async (url: string): Promise<NodeStatus | undefined> => {
    const nodeId = url.slice('http://'.length);
    const { epoch, lsn } = this;
    const role = nodeId === this.leader ? ('leader' as const) : ('follower' as const);
    const durable = { epoch, lsn, chain: lsn };
    const more = this.says.get(nodeId);
    const applied = { epoch, lsn };
    return await Promise.resolve(
      statusOf(nodeId, { role, epoch, durable, applied, committedLsn: lsn, ...more }),
    );
  };

  readonly entries = async (): Promise<FinalState['entries']> => await Promise.resolve(new Map());

  /** Called when a node is asked for its events. */
  onEvents: (url: string) => void = () => undefined;

  readonly events = async (url: string): Promise<readonly unknown[]> => {
    this.onEvents(url);
    return await Promise.resolve([]);
  };

  readonly call = async ({ url }: { readonly url: string }): Promise<JsonAnswer | undefined> => {
    this.posted.push(url);
    const attempt = this.posted.filter((other) => other === url).length;
    const answer = this.answer(url, attempt);
    if (answer === undefined && url.endsWith('/promote')) {
      this.leader = url.slice('http://'.length).split('/')[0] ?? '';
      this.epoch += 1;
    }
    return await Promise.resolve(answer ?? { status: 200, body: { epoch: this.epoch } });
  };

  /** Everything that a drill takes; its clock moves only where somebody waits, and writes go on meanwhile. */
  parts(): DrillParts {
    return {
      target: this,
      // Nobody looks at it: there are no data directories.
      disk: new NodeDisk(),
      ask: this,
      startLoad: async ({ nowMs }) => {
        const lsn = (): number => this.lsn;
        const record: LoadRecord = {
          history: new History(nowMs),
          setWrites: [],
          transfers: [],
          accounts: { names: [], balance: 0, version: undefined },
          accountReads: [],
          watches: [],
          readProbes: [],
        };
        return await Promise.resolve({
          get acknowledged() {
            return lsn();
          },
          rejected: {},
          stop: async () => {
            this.loadStopped += 1;
            await Promise.resolve();
          },
          abandon: () => {
            this.loadAbandoned += 1;
          },
          finish: async () => await Promise.resolve(record),
        });
      },
      startSampler: () => ({ stop: async () => await Promise.resolve([]) }),
      clock: {
        wallMs: () => 1_700_000_000_000,
        monotonicMs: () => this.nowMs,
        sleep: async (ms, signal) => {
          signal.throwIfAborted();
          this.nowMs += ms;
          if (this.loadStopped === 0 && this.isUp(this.leader)) this.lsn += 1;
          await Promise.resolve();
        },
      },
    };
  }
}
