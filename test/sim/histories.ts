/** Several histories on one stage: forced failovers and rejoins, with a checker for each history looking on. */
import { expect } from 'vitest';
import type { FailoverResult, NodeApi } from '../../src/node/api/api.ts';
import { HistoryChecker } from '../../src/sim/history-checker.ts';
import { readImage } from '../../src/sim/log-image.ts';
import { DATA_DIR, WAL_DIR } from '../../src/sim/sim-machine.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { LIMIT_MS, nodeOf } from './stage.ts';
import type { Stage } from './stage.ts';

/** Does what operators do, until it is done, and tells the checkers. */
export class Histories {
  readonly stage: Stage;
  readonly checker: HistoryChecker;
  #value = 0;

  constructor(stage: Stage, machines: readonly SimMachine[]) {
    this.stage = stage;
    this.checker = new HistoryChecker(machines, stage.cluster.checker);
    this.#watch();
  }

  #watch(): void {
    const { cluster } = this.stage;
    cluster.world.clock.schedule(50, () => {
      try {
        this.checker.observe();
      } catch (violation) {
        return cluster.fail(violation);
      }
      this.#watch();
    });
  }

  /** Until it answers; a refusal that has to do with a moment is tried again. */
  async force(machine: SimMachine, quorum?: number): Promise<FailoverResult> {
    const request = { acceptDataLoss: true, ...(quorum === undefined ? {} : { quorum }) };
    const found = await this.#insist('a forced failover', () => nodeOf(machine).failover(request));
    this.checker.forked(machine, found);
    return found;
  }

  async #insist<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const state: { done?: { value: T }; error?: unknown; busy: boolean } = { busy: false };
    await this.stage.cluster
      .until(what, LIMIT_MS, () => {
        if (state.done === undefined && !state.busy) {
          state.busy = true;
          attempt().then(
            (value) => {
              state.done = { value };
            },
            (error: unknown) => {
              state.busy = false;
              state.error = error;
            },
          );
        }
        return state.done !== undefined;
      })
      .catch((error: unknown) => {
        throw new Error(`${String(error)}: ${String(state.error)}`);
      });
    if (state.done === undefined) throw new Error(what);
    return state.done.value;
  }

  /** Writes one key; what is acknowledged is checked in the history of the node that acknowledged. */
  async write(machine: SimMachine, key = 'k', bytes = 0): Promise<string> {
    this.#value += 1;
    const value = `${machine.nodeId} ${this.#value}`.padEnd(bytes);
    const ops = [{ op: 'put' as const, key: Buffer.from(key), value: Buffer.from(value) }];
    await this.#insist(`a write at ${machine.nodeId}`, async () => {
      const node = nodeOf(machine);
      const checker = this.checker.of(node.status().historyId);
      const after = checker.ackedLsn;
      const request = { conditions: [], ops, ack: 'quorum' as const, timeoutMs: 2_000 };
      const result = await node.write(request);
      checker.acknowledged(
        { ops: [{ key, value }], expect: undefined, after, ack: 'quorum' },
        result,
      );
    });
    return value;
  }

  /** Until `machine` has left its history for that of a leader. */
  async rejoin(machine: SimMachine): Promise<void> {
    await this.#insist(`${machine.nodeId} to rejoin`, () =>
      nodeOf(machine).rejoin({ discard: true, timeoutMs: 2_000 }),
    );
  }

  /** All of them have the leader's log, and have applied it. */
  async equal(leader: SimMachine, others: readonly SimMachine[]): Promise<void> {
    await this.stage.cluster.until('equal logs', LIMIT_MS, () => {
      const ours = leader.node?.status();
      if (ours === undefined || ours.committedLsn !== ours.durable.lsn) return false;
      return others.every(({ node }) => {
        const theirs = node?.status();
        return (
          theirs?.historyId === ours.historyId &&
          theirs.durable.chain === ours.durable.chain &&
          theirs.applied.lsn === ours.durable.lsn
        );
      });
    });
    this.checker.observe();
    const image = bytesOf(leader);
    const state = await stateOf(nodeOf(leader));
    for (const other of others) {
      expect(bytesOf(other).equals(image), other.nodeId).toBe(true);
      expect(await stateOf(nodeOf(other)), other.nodeId).toEqual(state);
    }
  }
}

/** Its whole log. */
export function bytesOf({ disk }: SimMachine): Buffer {
  return Buffer.concat(readImage(disk, WAL_DIR).map(({ bytes }) => bytes));
}

/** What it shows: keys, values, versions. */
export async function stateOf(node: NodeApi): Promise<readonly string[]> {
  const { entries } = await node.scan({ limit: 1_000, timeoutMs: 1_000 });
  return entries.map(
    ({ key, value, version }) =>
      `${key.toString()} ${value.toString()} ${version.epoch}.${version.lsn}`,
  );
}

/** Files in its saved/. */
export function savedOf({ disk }: SimMachine): readonly string[] {
  return disk.paths().filter((path) => path.startsWith(`${DATA_DIR}/saved/`));
}
