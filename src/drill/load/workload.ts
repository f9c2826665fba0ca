/** Load of a drill, with all its observations. */
import { History } from '../../check/history.ts';
import { SeededEntropy } from '../../ports/seeded-entropy.ts';
import { comparePositions } from '../../wal/format/position.ts';
import type { Version } from '../../wal/format/position.ts';
import type { DrillClient } from './drill-client.ts';
import type { LoadPart } from './load-context.ts';
import type { SetWrite } from '../recording/recording.ts';
import type { LoadRecord } from '../run/runner.ts';
import { AccountsWorkload } from './workload-accounts.ts';
import { ProbeWorkload } from './workload-probes.ts';
import { RegisterWorkload } from './workload-registers.ts';
import { SetWorkload } from './workload-set.ts';
import { WatchWorkload } from './workload-watches.ts';

export interface WorkloadOptions {
  readonly client: DrillClient;
  readonly seed: number;
  /** Ack level of the writes to the set; all other writes ask for `quorum`. */
  readonly ack: SetWrite['ack'];
  /** Returns the milliseconds since the drill began; never goes back. */
  readonly nowMs: () => number;
  /** Prefix of every key; '' unless given. */
  readonly prefix?: string;
  /** Version that watches start after; '0.0' unless given. */
  readonly watchFrom?: Version;
}

/** Load of a drill. Call in this order: `prepare`, `start`, `stop`, the cluster heals and converges, `finish`. */
export class Workload {
  readonly #history: History;
  readonly #set: SetWorkload;
  readonly #registers: RegisterWorkload;
  readonly #accounts: AccountsWorkload;
  readonly #probes: ProbeWorkload;
  readonly #watches: WatchWorkload;

  constructor(options: WorkloadOptions) {
    const { client, seed, ack, nowMs, prefix = '', watchFrom = { epoch: 0, lsn: 0 } } = options;
    this.#history = new History(nowMs);
    const context = { client, history: this.#history, entropy: new SeededEntropy(seed), prefix };
    this.#set = new SetWorkload(context, ack);
    this.#registers = new RegisterWorkload(context);
    this.#accounts = new AccountsWorkload(context);
    this.#probes = new ProbeWorkload(context, (entropy) => this.#registers.key(entropy));
    this.#watches = new WatchWorkload(context, watchFrom);
  }

  /** Creates the initial data. @throws WalshipError DRILL_FAILED if the cluster does not accept it. */
  async prepare(): Promise<void> {
    await this.#accounts.prepare();
  }

  start(): void {
    this.#watches.start();
    for (const part of this.#parts) part.start();
  }

  /** Starts nothing more; resolves within a few seconds, once nothing is in flight. Watches continue. */
  async stop(): Promise<void> {
    await Promise.all(this.#parts.map(async (part) => await part.stop()));
  }

  /**
   * Waits until the watches have caught up with the last acknowledged write, except those at nodes that stay down,
   * and ends them.
   */
  async finish(withinMs: number, staysDown: readonly string[] = []): Promise<void> {
    await this.#watches.shown(this.newest, { withinMs, staysDown });
    await this.#watches.stop();
  }

  /** Starts nothing more and ends the watches, without waiting for calls in flight. */
  abandon(): void {
    const ending = Promise.all([this.stop(), this.#watches.stop()]);
    ending.catch(() => undefined); // The failure no longer matters.
  }

  /** Highest version of an acknowledged write. */
  get newest(): Version {
    let newest: Version = { epoch: 0, lsn: 0 };
    const note = (version: Version | undefined): void => {
      if (version !== undefined && comparePositions(version, newest) > 0) newest = version;
    };
    for (const { end, version } of [...this.#set.writes, ...this.#accounts.all]) {
      if (end === 'acknowledged') note(version);
    }
    for (const { request, outcome } of this.#history.operations) {
      const isWrite = request.kind === 'put' || request.kind === 'delete';
      if (isWrite && outcome.kind === 'acknowledged') note(outcome.version);
    }
    return newest;
  }

  /** Number of writes to the set that were acknowledged so far. */
  get acknowledged(): number {
    return this.#set.acknowledged;
  }

  /** Number of writes to the set that were rejected so far, by code. */
  get rejected(): Readonly<Record<string, number>> {
    return this.#set.rejected;
  }

  get recorded(): LoadRecord {
    return {
      history: this.#history,
      setWrites: this.#set.writes,
      transfers: this.#accounts.all,
      accounts: this.#accounts.setup,
      accountReads: this.#accounts.reads,
      watches: this.#watches.records,
      readProbes: this.#probes.probes,
    };
  }

  get #parts(): readonly LoadPart[] {
    return [this.#set, this.#registers, this.#accounts, this.#probes];
  }
}
