import { isWalshipError, WalshipError } from '../errors.ts';
import type { NodeApi } from '../node/api/api.ts';
import type { ClusterChecker } from './cluster-checker.ts';
import { SimViolation } from './golden-log.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimWorld } from './sim-world.ts';
import { judgeScan, WatchJudge } from './view-checker.ts';

export interface OnlookerOptions {
  readonly world: SimWorld;
  readonly machines: readonly SimMachine[];
  readonly checker: ClusterChecker;
  readonly onViolation: (violation: unknown) => void;
}

const TIMEOUT_MS = 500;
/** Milliseconds without an answer after which a node counts as dead. */
const PATIENCE_MS = 1_500;
const SCAN_LIMITS: readonly number[] = [1, 5, 1_000];

/**
 * Client that writes nothing: it watches all keys at one node after the other, scans, and waits for versions. Draws
 * from a random sequence of its own.
 */
export class Onlooker {
  readonly #options: OnlookerOptions;
  readonly #entropy: SeededEntropy;
  readonly #judge: WatchJudge;
  #running = true;

  constructor(options: OnlookerOptions) {
    this.#options = options;
    this.#entropy = options.world.entropy.fork('onlooker');
    this.#judge = new WatchJudge(options.checker.golden);
  }

  stop(): void {
    this.#running = false;
  }

  async run(): Promise<void> {
    const { world, machines, onViolation } = this.#options;
    const entropy = this.#entropy;
    try {
      while (this.#running) {
        await world.pass(entropy.between(20, 300));
        const { node } = entropy.pick(machines);
        if (node === undefined) continue;
        const lot = entropy.fraction();
        if (lot < 0.3) await this.#scan(node);
        else if (lot < 0.5) await this.#wait(node);
        else await this.#watch(node);
      }
    } catch (error) {
      onViolation(error);
    }
  }

  async #scan(node: NodeApi): Promise<void> {
    const { checker } = this.#options;
    const prefix = Buffer.from(this.#entropy.pick(['', 'r', 'set/c1/']));
    const limit = this.#entropy.pick(SCAN_LIMITS);
    const result = await this.#within(node.scan({ prefix, limit, timeoutMs: TIMEOUT_MS }));
    if (result === undefined || result instanceof WalshipError) return;
    checker.observe();
    judgeScan(checker.golden, { prefix, limit }, result);
  }

  /** Waits for a committed version: it comes, and is never reported as replaced. */
  async #wait(node: NodeApi): Promise<void> {
    const { checker } = this.#options;
    const lsn = checker.golden.end - this.#entropy.below(3);
    const epoch = checker.golden.records[lsn - 1]?.epoch;
    if (epoch === undefined) return;
    const level = this.#entropy.pick(['durable', 'committed', 'applied'] as const);
    const waiting = node.wait({ version: { epoch, lsn }, level, timeoutMs: TIMEOUT_MS });
    const result = await this.#within(waiting);
    if (isWalshipError(result, 'LSN_REPLACED')) {
      throw new SimViolation(`a wait for ${epoch}.${lsn}, which is committed: ${result.message}`);
    }
    if (result === undefined || result instanceof WalshipError || level !== 'applied') return;
    const { applied, role, notReady } = node.status();
    // A state that is rebuilt during the wait shows less.
    if (applied.lsn >= lsn || role === 'stopped' || notReady?.code === 'NOT_READY') return;
    throw new SimViolation(
      `a wait for ${epoch}.${lsn} to be applied at ${node.nodeId} ended early`,
    );
  }

  async #watch(node: NodeApi): Promise<void> {
    const { checker } = this.#options;
    const abort = new AbortController();
    const after = this.#judge.cursor;
    const events = node.watch({ after, signal: abort.signal })[Symbol.asyncIterator]();
    for (let count = 1 + this.#entropy.below(40); count > 0 && this.#running; count -= 1) {
      const next = await this.#within(events.next());
      if (isWalshipError(next, 'PURGED')) {
        this.#judge.skipTo(node.status().applied);
        break;
      }
      if (isWalshipError(next, 'LSN_REPLACED')) {
        throw new SimViolation(`what a watch had shown is cut off: ${next.message}`);
      }
      if (next === undefined || next instanceof WalshipError || next.done === true) break;
      checker.observe();
      this.#judge.saw(next.value);
    }
    abort.abort();
  }

  /** Returns the result or the coded error; undefined where no answer comes in time. */
  #within<T>(call: Promise<T>): Promise<T | WalshipError | undefined> {
    const { clock } = this.#options.world;
    return new Promise((resolve, reject) => {
      const cancel = clock.schedule(PATIENCE_MS, () => resolve(undefined));
      call.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          if (error instanceof WalshipError) resolve(error);
          else reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}
