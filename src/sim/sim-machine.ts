import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Dialer } from '../ports/link.ts';
import type { NodeApi } from '../node/api/api.ts';
import type { Failover } from '../node/api/trigger.ts';
import type { SimProcess } from './sim-clock.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimWorld } from './sim-world.ts';

/** Where a node keeps its data on its machine. */
export const DATA_DIR = '/data';
export const WAL_DIR = `${DATA_DIR}/wal`;

export interface Retention {
  readonly snapshotLogBytes: number;
  readonly retainBytesMax: number;
}

/** What a node gets from the machine it runs on. */
export interface NodeParts {
  readonly nodeId: string;
  readonly dir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dialer: Dialer;
  /** All voters, this one among them. */
  readonly peers: readonly { readonly nodeId: string; readonly address: string }[];
  readonly quorum: number;
  readonly segmentBytes: number;
  readonly failover: Failover;
  /** How much log comes together before a snapshot, and is kept for those who lag; as outside of simulations unless given. */
  readonly retention?: Retention | undefined;
  /** Takes what it has to say, for people. */
  readonly note: (text: string) => void;
}

export type NodeFactory = (parts: NodeParts) => Promise<NodeApi>;

export interface MachineOptions {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly nodeId: string;
  /** The node id unless given: another one for a process that claims an id which is not its own. */
  readonly address?: string;
  peers: NodeParts['peers'];
  quorum: number;
  readonly segmentBytes: number;
  readonly failover: Failover;
  readonly retention?: Retention | undefined;
  readonly open: NodeFactory;
  /** Told what happens to it, for people. */
  readonly note: (text: string) => void;
}

/** A machine with a disk and an address, on which a node runs, dies, and runs again. */
export class SimMachine {
  readonly nodeId: string;
  readonly address: string;
  readonly disk: SimDisk;
  /** What it is started with; voters and W may be changed while it is down, as by somebody who edits its configuration. */
  readonly options: MachineOptions;
  #process: SimProcess | undefined;
  #node: NodeApi | undefined;
  #lives = 0;
  #diesBy: 'kill' | 'power' = 'kill';
  /** Why the last life ended by itself. */
  failure: unknown;

  constructor(options: MachineOptions) {
    this.options = { ...options };
    this.nodeId = options.nodeId;
    this.address = options.address ?? options.nodeId;
    this.disk = new SimDisk({
      seed: `${options.world.seed}/${this.address}`,
      latency: { readMs: 0.02, writeMs: 0.05, syncMs: 0.5 },
    });
  }

  /** The node, where it has started and lives. */
  get node(): NodeApi | undefined {
    return this.#node;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  get isUp(): boolean {
    return this.#process?.alive === true;
  }

  /** Number of the life it is in. */
  get lives(): number {
    return this.#lives;
  }

  /** Starts the node; it is there once its recovery is over. Does nothing where it runs. */
  start(): void {
    if (this.isUp) return;
    const { world, network, nodeId, peers, quorum, segmentBytes, failover, open, note } =
      this.options;
    const { retention } = this.options;
    const process = world.process();
    this.#process = process;
    this.#lives += 1;
    this.failure = undefined;
    process.onDeath(() => {
      this.#node = undefined;
      network.died(this.address, this.#diesBy);
    });
    network.restored(this.address);
    note(`${this.address} starts, life ${this.#lives}`);
    open({
      nodeId,
      dir: DATA_DIR,
      disk: this.disk.mount(process),
      clock: process,
      entropy: world.entropy.fork(`${this.address} life ${this.#lives}`),
      dialer: network.dialer(this.address, process),
      peers,
      quorum,
      segmentBytes,
      failover,
      retention,
      note,
    }).then(
      (node) => this.#opened(node, process),
      (error: unknown) => this.#ended(process, error),
    );
  }

  /** What the operator starts it with from now on. */
  reconfigure(config: Pick<MachineOptions, 'peers' | 'quorum'>): void {
    Object.assign(this.options, config);
  }

  /** SIGKILL: the page cache and the connections' peers survive. */
  kill(): void {
    if (!this.isUp) return;
    this.options.note(`${this.address} is killed`);
    this.disk.kill();
  }

  /** The plug is pulled; of a node that is down already, the page cache goes. */
  losePower(): void {
    this.options.note(`${this.address} loses power`);
    this.#diesBy = 'power';
    const wasUp = this.isUp;
    this.disk.losePower();
    this.#diesBy = 'kill';
    if (!wasUp) this.options.network.died(this.address, 'power');
  }

  /** A new disk; the node has to be down. */
  wipe(): void {
    this.options.note(`${this.address} gets an empty disk`);
    this.disk.wipe();
  }

  #opened(node: NodeApi, process: SimProcess): void {
    if (!process.alive) return;
    this.#node = node;
    const { network } = this.options;
    network.listen(this.address, process, (link) => node.accept(link));
    node.stopped.then(
      () => this.#ended(process, undefined),
      (error: unknown) => this.#ended(process, error),
    );
  }

  /** The node ended by itself: its process exits. */
  #ended(process: SimProcess, error: unknown): void {
    if (!process.alive) return;
    this.failure = error ?? new Error('it stopped without a reason');
    this.options.note(`${this.address} stops: ${String(this.failure)}`);
    process.kill();
  }
}
