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

/** Data directory of a node on its machine. */
export const DATA_DIR = '/data';
export const WAL_DIR = `${DATA_DIR}/wal`;

export interface Retention {
  readonly snapshotLogBytes: number;
  readonly retainBytesMax: number;
}

/** Parts that a node gets from its machine. */
export interface NodeParts {
  readonly nodeId: string;
  readonly dir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dialer: Dialer;
  /** Voters, this one among them. */
  readonly peers: readonly { readonly nodeId: string; readonly address: string }[];
  readonly quorum: number;
  readonly segmentBytes: number;
  readonly failover: Failover;
  /** Bytes of log between snapshots, and kept for lagging nodes; the product's defaults unless given. */
  readonly retention?: Retention | undefined;
  /** Receives a note, for display. */
  readonly note: (text: string) => void;
}

export type NodeFactory = (parts: NodeParts) => Promise<NodeApi>;

export interface MachineOptions {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly nodeId: string;
  /** Address; the node id unless given. Another one for a process that claims an id which is not its own. */
  readonly address?: string;
  peers: NodeParts['peers'];
  quorum: number;
  readonly segmentBytes: number;
  readonly failover: Failover;
  readonly retention?: Retention | undefined;
  readonly open: NodeFactory;
  /** Receives notes of its events, for display. */
  readonly note: (text: string) => void;
}

/** A machine with a disk and an address, on which a node runs, dies, and runs again. */
export class SimMachine {
  readonly nodeId: string;
  readonly address: string;
  readonly disk: SimDisk;
  /** Options that it is started with; voters and W may be changed while it is down, like an edited configuration. */
  readonly options: MachineOptions;
  #process: SimProcess | undefined;
  #node: NodeApi | undefined;
  #lives = 0;
  #diesBy: 'kill' | 'power' = 'kill';
  /** Reason why the last run ended on its own. */
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

  /** Node, if it has started and is alive. */
  get node(): NodeApi | undefined {
    return this.#node;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  get isUp(): boolean {
    return this.#process?.alive === true;
  }

  /** Number of the present run. */
  get lives(): number {
    return this.#lives;
  }

  /** Starts the node, which is available after its recovery. Does nothing while it runs. */
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

  /** Changes the configuration of its later starts. */
  reconfigure(config: Pick<MachineOptions, 'peers' | 'quorum'>): void {
    Object.assign(this.options, config);
  }

  /** Kills the process, as SIGKILL does: the page cache and the connections' peers survive. */
  kill(): void {
    if (!this.isUp) return;
    this.options.note(`${this.address} is killed`);
    this.disk.kill();
  }

  /** Cuts the power; of a node that is down already, the page cache is lost. */
  losePower(): void {
    this.options.note(`${this.address} loses power`);
    this.#diesBy = 'power';
    const wasUp = this.isUp;
    this.disk.losePower();
    this.#diesBy = 'kill';
    if (!wasUp) this.options.network.died(this.address, 'power');
  }

  /** Puts in a new disk; the node has to be down. */
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

  /** Ends the process of a node that ended on its own. */
  #ended(process: SimProcess, error: unknown): void {
    if (!process.alive) return;
    this.failure = error ?? new Error('it stopped without a reason');
    this.options.note(`${this.address} stops: ${String(this.failure)}`);
    process.kill();
  }
}
