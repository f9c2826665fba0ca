import { isWalshipError, type WalshipError } from '../errors.ts';
import type { NodeApi, ReadRequest, WriteResult } from '../node/api/api.ts';
import { parseVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import type { ClientWrite, ClusterChecker } from './cluster-checker.ts';
import { SimViolation } from './golden-log.ts';
import type { History, WriteOutcome } from '../check/history.ts';
import { oddValue } from './odd-values.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimWorld } from './sim-world.ts';

export interface SimClientOptions {
  readonly name: string;
  readonly world: SimWorld;
  readonly entropy: SeededEntropy;
  readonly machines: readonly SimMachine[];
  readonly checker: ClusterChecker;
  /** History that records its operations. */
  readonly history: History;
  /**
   * True for a client that asks any node which reports to lead, each time anew, with short waits: where two nodes do,
   * it soon hears both.
   */
  readonly restless?: boolean;
  /** Called where an answer breaks a promise. */
  readonly onViolation: (violation: unknown) => void;
}

const REGISTERS = 6;
/** Milliseconds that a client waits beyond its own time limit: a process that died never answers. */
const PATIENCE_MS = 1_000;
const GONE = 'gone';

/**
 * Writes and reads, one operation after the other, at any node: registers with unique values, and a set that only grows.
 * It passes every answer to the checker, and never retries.
 */
export class SimClient {
  readonly #options: SimClientOptions;
  readonly #versions = new Map<string, Version>();
  /** Randomness for rare values. */
  readonly #odd: SeededEntropy;
  #running = true;
  #count = 0;
  /** Node id of the presumed leader. */
  #leader: string | undefined;

  constructor(options: SimClientOptions) {
    this.#options = options;
    this.#odd = options.entropy.fork('values');
  }

  stop(): void {
    this.#running = false;
  }

  /** Runs until it is stopped. */
  async run(): Promise<void> {
    const { world, entropy, onViolation, restless } = this.#options;
    const thinkMsMax = entropy.pick(restless === true ? [40, 80] : [10, 40, 80]);
    try {
      while (this.#running) {
        await world.pass(entropy.fraction() * thinkMsMax);
        const node = this.#choose();
        if (node === undefined) continue;
        if (entropy.chance(restless === true ? 0.3 : 0.6)) await this.#write(node);
        else await this.#read(node);
      }
    } catch (error) {
      onViolation(error);
    }
  }

  #choose(): NodeApi | undefined {
    const { machines, entropy, restless } = this.#options;
    if (restless === true) {
      const leaders = machines.filter(({ node }) => node?.status().role === 'leader');
      return entropy.pick(leaders.length === 0 ? machines : leaders).node;
    }
    const leader = machines.find(({ nodeId }) => nodeId === this.#leader)?.node;
    if (leader !== undefined && entropy.chance(0.8)) return leader;
    return entropy.pick(machines).node;
  }

  async #write(node: NodeApi): Promise<void> {
    const { checker, entropy, history, name, restless } = this.#options;
    const write = this.#newWrite();
    const { expect, ops, ack } = write;
    const key = bytes(ops[0]?.key ?? '');
    const timeoutMs = restless === true ? 50 : entropy.pick([50, 200, 1_000, 3_000]);
    const request = {
      conditions:
        expect === undefined
          ? []
          : [{ key, expect: expect === 'absent' ? ('absent' as const) : expect }],
      ops: ops.map((op) => ({
        op: op.value === undefined ? ('delete' as const) : ('put' as const),
        key: bytes(op.key),
        value: bytes(op.value ?? ''),
      })),
      ack,
      timeoutMs,
    };
    const conditions = expect === undefined ? [] : [{ key: ops[0]?.key ?? '', expect }];
    const returned = history.write({ client: name, conditions, ops });
    const result = await this.#within(timeoutMs, node.write(request));
    returned(outcomeOf(result, ack));
    if (result === GONE) {
      checker.indeterminate();
    } else if (isWalshipError(result)) {
      this.#failed(write, result);
    } else {
      this.#leader = node.nodeId;
      checker.acknowledged(write, result);
    }
  }

  #newWrite(): ClientWrite {
    const { checker, entropy, name } = this.#options;
    this.#count += 1;
    const size = entropy.pick([0, 5, 100, 1000]);
    const odd = oddValue(this.#odd, checker.ackedLsn + 1);
    const value = `${name}-${this.#count}${'.'.repeat(size)}${odd}`;
    const ack = entropy.pick(['quorum', 'quorum', 'quorum', 'quorum', 'local', 'all'] as const);
    const register = `r${entropy.below(REGISTERS)}`;
    const isConditional = entropy.chance(0.25);
    const expect = isConditional ? (this.#versions.get(register) ?? 'absent') : undefined;
    const member = { key: `set/${name}/${this.#count}`, value };
    const ops = entropy.chance(0.3) && !isConditional ? [member] : [{ key: register, value }];
    if (entropy.chance(0.1)) ops.push({ key: `r${entropy.below(REGISTERS)}`, value: `${value}-2` });
    const isDelete = entropy.chance(0.08);
    return {
      ops: isDelete ? [{ key: register, value: undefined }] : ops,
      expect,
      ack,
      after: checker.ackedLsn,
    };
  }

  #failed(write: ClientWrite, error: WalshipError): void {
    const { checker } = this.#options;
    if (error.code === 'NO_LEADER') {
      const { leader } = error.details as { leader?: unknown };
      this.#leader = typeof leader === 'string' ? leader : undefined;
    }
    if (error.outcome === 'rejected') checker.rejected(write);
    else if (error.outcome === 'indeterminate') {
      checker.indeterminate();
      // The leader may be cut off from the others, among whom another one leads by now.
      this.#leader = undefined;
    } else {
      throw new SimViolation(`a write failed without an outcome: ${error.code} ${error.message}`);
    }
  }

  async #read(node: NodeApi): Promise<void> {
    const { checker, entropy, history, name, machines, restless } = this.#options;
    const key = `r${entropy.below(REGISTERS)}`;
    const level = entropy.pick<ReadRequest['level']>(['local', 'linearizable']);
    const timeoutMs = entropy.pick(restless === true ? [100, 300] : [100, 1_000]);
    const floor = checker.linearFloor;
    // The client's own writes and reads of this key set the minimum, at whatever node it asks.
    const minVersion =
      level === 'local' && entropy.chance(0.3) ? this.#versions.get(key) : undefined;
    const lives = machines.find(({ nodeId }) => nodeId === node.nodeId)?.lives;
    const call = { client: name, key, calledAt: history.now() };
    const reading = node.read({
      key: bytes(key),
      level,
      timeoutMs,
      ...(minVersion === undefined ? {} : { minVersion }),
    });
    const result = await this.#within(timeoutMs, reading);
    if (isWalshipError(result, 'LSN_REPLACED')) {
      throw new SimViolation(`a version of ${key} that was shown is cut off: ${result.message}`);
    }
    if (result === GONE || isWalshipError(result)) return;
    const { found, applied } = result;
    const shown =
      found === undefined
        ? undefined
        : { value: found.value.toString('latin1'), version: found.version };
    if (level === 'linearizable') history.got(call, shown);
    else {
      const at = `${node.nodeId} (life ${lives})`;
      history.gotLocally({ ...call, node: at, minVersion, applied, found: shown });
    }
    if (result.found === undefined) this.#versions.delete(key);
    else this.#versions.set(key, result.found.version);
    checker.read({ key, level, floor }, result);
  }

  /**
   * Returns the result or the coded error; GONE where the node does not answer because it is dead. Any other failure
   * is thrown.
   */
  #within<T>(timeoutMs: number, call: Promise<T>): Promise<T | WalshipError | typeof GONE> {
    const { clock } = this.#options.world;
    return new Promise((resolve, reject) => {
      const cancel = clock.schedule(timeoutMs + PATIENCE_MS, () => resolve(GONE));
      call.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          if (isWalshipError(error)) resolve(error);
          else reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}

/** Returns the possible effect of a write that ended so. */
function outcomeOf(
  result: WriteResult | WalshipError | typeof GONE,
  ack: ClientWrite['ack'],
): WriteOutcome {
  if (result === GONE) return { kind: 'indeterminate', version: undefined };
  if (!isWalshipError(result)) {
    // The write is durable on the leader alone: a failover may lose it.
    return { kind: ack === 'local' ? 'indeterminate' : 'acknowledged', version: result.version };
  }
  const { version, committed } = result.details;
  const told = typeof version === 'string' ? parseVersion(version) : undefined;
  if (result.code === 'CONDITION_FAILED') {
    return { kind: 'condition-failed', actual: version === null ? null : told };
  }
  if (result.outcome === 'rejected') return { kind: 'rejected' };
  return { kind: committed === true ? 'acknowledged' : 'indeterminate', version: told };
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
