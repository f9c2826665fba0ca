/** A cluster of `walship serve` processes on this machine, in a temporary directory, with proxies between them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../cli/free-ports.ts';
import { WalshipError } from '../errors.ts';
import { SimEntropy } from '../sim/sim-entropy.ts';
import { ASK_OVER_HTTP } from './ask-node.ts';
import type { DiskFaultAction, Fault, FaultKind, ProcessFault } from './fault.ts';
import { damageFiles } from './file-faults.ts';
import { LocalNetwork } from './local-network.ts';
import type { Listener } from './local-network.ts';
import { controlNode, cutPower } from './node-controls.ts';
import { NodeProcess } from './node-process.ts';
import type { ClusterShape, DrillTarget, TargetNode } from './target.ts';

const READY_MS_MAX = 30_000;
const POLL_MS = 30;

export interface LocalTargetOptions {
  /** The script of the command line. */
  readonly program: string;
  readonly seed: number;
  /** Leave the directory for somebody to look at. */
  readonly keepDir?: boolean;
}

export class LocalTarget implements DrillTarget {
  readonly kind = 'local';
  readonly can: ReadonlySet<FaultKind> = ALL_FAULTS;
  readonly #options: LocalTargetOptions;
  readonly #entropy: SimEntropy;
  readonly #processes = new Map<string, NodeProcess>();
  #nodes: readonly TargetNode[] = [];
  #network: LocalNetwork | undefined;
  #dir = '';

  constructor(options: LocalTargetOptions) {
    this.#options = options;
    this.#entropy = new SimEntropy(options.seed).fork('files');
  }

  get nodes(): readonly TargetNode[] {
    return this.#nodes;
  }

  /** Where everything is, logs of the processes included; empty before the start. */
  get dir(): string {
    return this.#dir;
  }

  async start(shape: ClusterShape): Promise<void> {
    this.#dir = await mkdtemp(path.join(tmpdir(), 'walship-drill-'));
    const ports = await freePorts(Array.from({ length: shape.nodes }, () => 0));
    const listeners = ports.map((port, index) => ({ nodeId: `n${index + 1}`, port }));
    this.#nodes = listeners.map(({ nodeId, port }) => ({
      nodeId,
      url: `http://127.0.0.1:${port}`,
    }));
    this.#network = await LocalNetwork.open(listeners, this.#options.seed);
    for (const { nodeId } of listeners) {
      const config = path.join(this.#dir, `${nodeId}.json`);
      await writeFile(config, JSON.stringify(this.#configOf(nodeId, listeners, shape)));
      const { program } = this.#options;
      const logPath = path.join(this.#dir, `${nodeId}.log`);
      const node = new NodeProcess({ program, args: ['serve', '--config', config], logPath });
      this.#processes.set(nodeId, node);
      await node.start();
    }
    await this.#untilReady();
  }

  async apply(fault: Fault): Promise<string | undefined> {
    switch (fault.kind) {
      case 'kill':
      case 'stop':
      case 'start':
      case 'pause':
      case 'resume':
      case 'power-cut':
      case 'stall':
      case 'clock-jump':
        await this.#toProcess(fault);
        return undefined;
      case 'cut':
      case 'isolate':
      case 'partition':
      case 'delay':
      case 'loss':
      case 'bandwidth':
      case 'reset':
      case 'heal-network':
        this.#network?.apply(fault);
        return undefined;
      case 'disk-full':
      case 'disk-slow':
      case 'fsync-error':
      case 'disk-read-only':
      case 'heal-disk':
        await this.#toDisk(fault);
        return undefined;
      case 'flip-bit':
      case 'torn-tail':
      case 'lose-segment':
      case 'lose-snapshots':
      case 'wipe':
      case 'back-up':
      case 'restore':
    }
    if (this.isUp(fault.node)) {
      throw new WalshipError('DRILL_FAILED', `${fault.node} runs: its files are not to be touched`);
    }
    const dir = this.#dataDirOf(fault.node);
    return await damageFiles(fault, { dir, copyDir: `${dir}-copy`, entropy: this.#entropy });
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
    await Promise.all([...this.#processes.values()].map(async (node) => await node.kill()));
    await this.#network?.close();
    this.#network = undefined;
    if (this.#dir !== '' && this.#options.keepDir !== true) {
      await rm(this.#dir, { recursive: true, force: true });
    }
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

  async #toProcess(fault: ProcessFault): Promise<void> {
    switch (fault.kind) {
      case 'kill':
        await this.#process(fault.node).kill();
        return;
      case 'stop':
        await this.#process(fault.node).stop();
        return;
      case 'start':
        await this.#process(fault.node).start();
        return;
      case 'pause':
        this.#process(fault.node).signal('SIGSTOP');
        return;
      case 'resume':
        this.#process(fault.node).signal('SIGCONT');
        return;
      case 'power-cut':
        await Promise.all(fault.nodes.map(async (id) => await this.#cutPower(id)));
        return;
      case 'stall':
        await controlNode(this.#urlOf(fault.node), { stallMs: fault.forMs });
        return;
      case 'clock-jump':
        await controlNode(this.#urlOf(fault.node), { clockJumpMs: fault.byMs });
    }
  }

  /** The node undoes what was not synced, and dies of it without an answer. */
  async #cutPower(nodeId: string): Promise<void> {
    const node = this.#process(nodeId);
    if (!node.isUp) return;
    node.signal('SIGCONT');
    const gone = node.gone();
    const seed = this.#entropy.below(2 ** 31);
    await cutPower(this.#urlOf(nodeId), seed);
    await gone;
  }

  async #toDisk(fault: DiskFaultAction): Promise<void> {
    const url = this.#urlOf(fault.node);
    switch (fault.kind) {
      case 'disk-full':
        await controlNode(url, { disk: { full: true } });
        return;
      case 'disk-slow':
        await controlNode(url, { disk: { slowMs: fault.ms, part: fault.part } });
        return;
      case 'fsync-error':
        await controlNode(url, { disk: { fsyncError: true, part: fault.part } });
        return;
      case 'disk-read-only':
        await controlNode(url, { disk: { readOnly: true } });
        return;
      case 'heal-disk':
        // A node that is down starts with a disk that is as it should be.
        if (this.isUp(fault.node)) await controlNode(url, { disk: null });
    }
  }

  async #untilReady(): Promise<void> {
    const endMs = performance.now() + READY_MS_MAX;
    for (const { nodeId, url } of this.#nodes) {
      while ((await ASK_OVER_HTTP.status(url))?.notReady !== null) {
        if (!this.isUp(nodeId) || performance.now() > endMs) {
          const output = await this.output(nodeId);
          throw new WalshipError('DRILL_FAILED', `${nodeId} does not get ready\n${output}`);
        }
        await sleep(POLL_MS);
      }
    }
  }

  #process(nodeId: string): NodeProcess {
    const found = this.#processes.get(nodeId);
    if (found === undefined) throw new WalshipError('DRILL_FAILED', `there is no node ${nodeId}`);
    return found;
  }

  #urlOf(nodeId: string): string {
    return this.#nodes.find((node) => node.nodeId === nodeId)?.url ?? '';
  }

  #dataDirOf(nodeId: string): string {
    return path.join(this.#dir, nodeId);
  }
}

const ALL_FAULTS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'kill',
  'stop',
  'start',
  'pause',
  'resume',
  'power-cut',
  'stall',
  'clock-jump',
  'cut',
  'isolate',
  'partition',
  'delay',
  'loss',
  'bandwidth',
  'reset',
  'heal-network',
  'disk-full',
  'disk-slow',
  'fsync-error',
  'disk-read-only',
  'heal-disk',
  'flip-bit',
  'torn-tail',
  'lose-segment',
  'lose-snapshots',
  'wipe',
  'back-up',
  'restore',
]);
