/** A cluster of `walship serve` processes on this machine, in a temporary directory, with proxies between them. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { WalshipError } from '../../errors.ts';
import { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { Fault, FaultKind } from '../faults/fault.ts';
import { kindsOf } from '../faults/table.ts';
import { applyFault } from './apply-fault.ts';
import { descriptorsCanBeLimited } from './descriptors.ts';
import { damageFiles } from './file-faults.ts';
import { crowdsFit, IdleClients } from './idle-clients.ts';
import { LocalNetwork } from './local-network.ts';
import type { Listener } from './local-network.ts';
import { makeDrillHistory } from './made-history.ts';
import { nodePorts } from './node-ports.ts';
import { NodeProcess } from './node-process.ts';
import type { ClusterShape, DrillTarget, TargetNode } from './target.ts';
import { untilReady } from './until-ready.ts';

const READY_MS_MAX = 30_000;
const SEED_END = 2 ** 31;
/** A process that is killed may still write for a moment. */
const REMOVE_TRIES = 20;
const REMOVE_AGAIN_MS = 20;

export interface LocalTargetOptions {
  /** The script of the command line. */
  readonly program: string;
  readonly seed: number;
  /** Leave the directory for somebody to look at. */
  readonly keepDir?: boolean;
}

export class LocalTarget implements DrillTarget {
  readonly kind = 'local';
  readonly can: ReadonlySet<FaultKind> = new Set<FaultKind>([
    ...kindsOf('process', 'inside', 'network', 'files'),
    ...(crowdsFit() ? kindsOf('clients') : []),
    ...(descriptorsCanBeLimited() ? kindsOf('limits') : []),
  ]);
  readonly #options: LocalTargetOptions;
  readonly #entropy: SeededEntropy;
  readonly #processes = new Map<string, NodeProcess>();
  readonly #clients = new IdleClients();
  #nodes: readonly TargetNode[] = [];
  #network: LocalNetwork | undefined;
  #dir = '';
  #closed = false;
  readonly #applying = new Set<Promise<unknown>>();

  /** Kills the nodes and removes their files at once, for a process that ends in this very turn and cannot wait. */
  readonly #abandon = (): void => {
    for (const node of this.#processes.values()) node.kill().catch(() => undefined);
    if (this.#dir === '' || this.#options.keepDir === true) return;
    rmSync(this.#dir, {
      recursive: true,
      force: true,
      maxRetries: REMOVE_TRIES,
      retryDelay: REMOVE_AGAIN_MS,
    });
  };

  constructor(options: LocalTargetOptions) {
    this.#options = options;
    this.#entropy = new SeededEntropy(options.seed).fork('files');
  }

  get nodes(): readonly TargetNode[] {
    return this.#nodes;
  }

  /** Directory of all files, logs of the processes included; empty before the start. */
  get dir(): string {
    return this.#dir;
  }

  async start(shape: ClusterShape, signal: AbortSignal): Promise<void> {
    process.once('exit', this.#abandon);
    this.#dir = await mkdtemp(path.join(tmpdir(), 'walship-drill-'));
    const ports = await nodePorts(shape.nodes);
    const listeners = ports.map((port, index) => ({ nodeId: `n${index + 1}`, port }));
    this.#nodes = listeners.map(({ nodeId, port }) => ({
      nodeId,
      url: `http://127.0.0.1:${port}`,
    }));
    this.#network = await LocalNetwork.open(listeners, this.#options.seed);
    for (const { nodeId } of listeners) {
      signal.throwIfAborted();
      const config = path.join(this.#dir, `${nodeId}.json`);
      await writeFile(config, JSON.stringify(this.#configOf(nodeId, listeners, shape)));
      await this.#prepare(nodeId, shape);
      const { program } = this.#options;
      const logPath = path.join(this.#dir, `${nodeId}.log`);
      const node = new NodeProcess({ program, args: ['serve', '--config', config], logPath });
      this.#processes.set(nodeId, node);
      await node.start();
    }
    await untilReady(this, { withinMs: READY_MS_MAX, signal });
  }

  async #prepare(nodeId: string, { leaderships = 0, quorum }: ClusterShape): Promise<void> {
    if (leaderships === 0) return;
    const voters = this.#nodes.map((node) => node.nodeId);
    await makeDrillHistory(this.#dataDirOf(nodeId), { nodeId, voters, quorum, leaderships });
  }

  async apply(fault: Fault): Promise<string | undefined> {
    if (this.#closed) throw new WalshipError('DRILL_FAILED', 'the cluster is closed');
    const applying = this.#apply(fault);
    this.#applying.add(applying);
    try {
      return await applying;
    } finally {
      this.#applying.delete(applying);
    }
  }

  async #apply(fault: Fault): Promise<string | undefined> {
    return await applyFault(fault, {
      life: (nodeId) => this.#process(nodeId),
      url: (nodeId) => this.#nodes.find((node) => node.nodeId === nodeId)?.url ?? '',
      applyToNetwork: (change) => Promise.resolve(this.#network?.apply(change)),
      damage: async (damage) => {
        const dir = this.#dataDirOf(damage.node);
        return await damageFiles(damage, { dir, copyDir: `${dir}-copy`, entropy: this.#entropy });
      },
      clients: this.#clients,
      descriptors: async ({ kind, node: nodeId }) => {
        const node = this.#process(nodeId);
        if (kind === 'no-descriptors') return await node.takeDescriptors();
        await node.giveDescriptorsBack();
        return undefined;
      },
      seed: () => this.#entropy.below(SEED_END),
    });
  }

  isUp(nodeId: string): boolean {
    return this.#process(nodeId).isUp;
  }

  dataDir(nodeId: string): Promise<string> {
    return Promise.resolve(this.#dataDirOf(nodeId));
  }

  async output(nodeId: string): Promise<string> {
    return await this.#process(nodeId).output();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#clients.close();
    await this.#killAll();
    // Pending faults find the nodes dead; nodes that they started since have to go too.
    await Promise.allSettled(this.#applying);
    await this.#killAll();
    await this.#network?.close();
    this.#network = undefined;
    if (this.#dir !== '' && this.#options.keepDir !== true) {
      await rm(this.#dir, { recursive: true, force: true });
    }
    process.off('exit', this.#abandon);
  }

  async #killAll(): Promise<void> {
    await Promise.all([...this.#processes.values()].map(async (node) => await node.kill()));
  }

  #configOf(
    nodeId: string,
    listeners: readonly Listener[],
    { quorum, failover, options }: ClusterShape,
  ): object {
    const peers = listeners.map(({ nodeId: id, port }) => {
      const own = `127.0.0.1:${port}`;
      return `${id}=${id === nodeId ? own : (this.#network?.addressOf(nodeId, id) ?? own)}`;
    });
    const port = listeners.find((listener) => listener.nodeId === nodeId)?.port ?? 0;
    const data = this.#dataDirOf(nodeId);
    return {
      node: nodeId,
      listen: `127.0.0.1:${port}`,
      data,
      peers: peers.join(','),
      quorum,
      failover,
      unsafeDrillFaults: data,
      ...options,
    };
  }

  #process(nodeId: string): NodeProcess {
    const found = this.#processes.get(nodeId);
    if (found === undefined) throw new WalshipError('DRILL_FAILED', `there is no node ${nodeId}`);
    return found;
  }

  #dataDirOf(nodeId: string): string {
    return path.join(this.#dir, nodeId);
  }
}
