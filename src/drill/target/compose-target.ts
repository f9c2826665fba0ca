/** The cluster of compose.yml as it is shipped, in containers of this machine, under a name and on ports of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WalshipError } from '../../errors.ts';
import { SeededEntropy } from '../../ports/seeded-entropy.ts';
import { applyFault } from './apply-fault.ts';
import { composeShape, IMAGE, portVariables } from './compose-shape.ts';
import { Container } from './container.ts';
import { ContainerNetwork, containerNetworkFaults } from './container-network.ts';
import { command, findCompose, succeeds } from './docker.ts';
import type { Fault, FaultKind } from '../faults/fault.ts';
import { kindsOf } from '../faults/table.ts';
import { crowdsFit, IdleClients } from './idle-clients.ts';
import { nodePorts } from './node-ports.ts';
import type { ClusterShape, DrillTarget, TargetNode } from './target.ts';
import { untilReady } from './until-ready.ts';
import { VolumeFiles } from './volume-files.ts';

const READY_MS_MAX = 120_000;
const SEED_END = 2 ** 31;

export interface ComposeTargetOptions {
  readonly seed: number;
  /** Build the image anew; otherwise only where there is none. */
  readonly build?: boolean;
  /** Leave containers and volumes, stopped, for somebody to look at. */
  readonly keep?: boolean;
  /** False: reach files through containers, as where volumes cannot be reached on the host. */
  readonly filesOnHost?: boolean;
}

interface ComposeNode {
  readonly nodeId: string;
  readonly container: Container;
  readonly files: VolumeFiles;
}

export class ComposeTarget implements DrillTarget {
  readonly kind = 'compose';
  readonly can: ReadonlySet<FaultKind>;
  /** The name that compose has for it. */
  readonly project: string;
  readonly #options: ComposeTargetOptions;
  readonly #compose: readonly string[];
  readonly #entropy: SeededEntropy;
  readonly #composed = new Map<string, ComposeNode>();
  readonly #clients = new IdleClients();
  #nodes: readonly TargetNode[] = [];
  #network: ContainerNetwork | undefined;
  #dir = '';

  /** Starts nothing yet. @throws WalshipError DRILL_FAILED where there is no docker daemon, or no compose. */
  constructor(options: ComposeTargetOptions) {
    const compose = findCompose();
    if (compose === undefined) {
      const message =
        'there is no docker daemon here, or no compose: docker info and docker compose version say more';
      throw new WalshipError('DRILL_FAILED', message);
    }
    this.#options = options;
    this.#compose = compose;
    this.#entropy = new SeededEntropy(options.seed).fork('files');
    this.project = `walship-drill-${process.pid}`;
    const network = containerNetworkFaults();
    this.can = new Set<FaultKind>([
      ...kindsOf('process', 'inside', 'files'),
      ...network,
      ...(crowdsFit() ? kindsOf('clients') : []),
    ]);
  }

  get nodes(): readonly TargetNode[] {
    return this.#nodes;
  }

  async start(shape: ClusterShape, signal: AbortSignal): Promise<void> {
    if ((shape.leaderships ?? 0) > 0) {
      const message = 'a history is made beforehand on this machine only: leave --compose out';
      throw new WalshipError('DRILL_FAILED', message);
    }
    this.#dir = await mkdtemp(path.join(tmpdir(), 'walship-drill-'));
    const ports = await nodePorts(shape.nodes);
    await writeFile(this.#shapeFile, composeShape(shape, ports));
    this.#nodes = ports.map((port, index) => ({
      nodeId: `n${index + 1}`,
      url: `http://127.0.0.1:${port}`,
    }));
    if (this.#options.build === true || !succeeds(['docker', 'image', 'inspect', IMAGE])) {
      await this.#run('build', 'n1');
    }
    const ids = this.#nodes.map(({ nodeId }) => nodeId);
    await this.#run('up', '--detach', '--no-build', ...ids);
    for (const nodeId of ids) this.#composed.set(nodeId, await this.#look(nodeId));
    this.#network = new ContainerNetwork([...this.#composed.values()], {
      name: `${this.project}_default`,
      can: this.can,
    });
    await untilReady(this, { withinMs: READY_MS_MAX, signal });
  }

  async apply(fault: Fault): Promise<string | undefined> {
    return await applyFault(fault, {
      life: (nodeId) => this.#node(nodeId).container,
      url: (nodeId) => this.#nodes.find((node) => node.nodeId === nodeId)?.url ?? '',
      applyToNetwork: async (change) => await this.#network?.apply(change),
      damage: async (damage) => await this.#node(damage.node).files.damage(damage, this.#seed()),
      clients: this.#clients,
      seed: () => this.#seed(),
    });
  }

  isUp(nodeId: string): boolean {
    return this.#node(nodeId).container.isUp;
  }

  async dataDir(nodeId: string): Promise<string> {
    const { container, files } = this.#node(nodeId);
    return await files.dir(container.id);
  }

  /** The id of a node's container. */
  containerId(nodeId: string): string {
    return this.#node(nodeId).container.id;
  }

  async output(nodeId: string): Promise<string> {
    return await this.#node(nodeId).container.output();
  }

  async close(): Promise<void> {
    this.#clients.close();
    if (this.#dir === '') return;
    for (const { container } of this.#composed.values()) container.release();
    if (this.#options.keep === true) {
      await this.#run('stop', '--timeout', '1');
      return;
    }
    await this.#run('down', '--volumes', '--remove-orphans', '--timeout', '0');
    for (const { files } of this.#composed.values()) await files.remove();
    await rm(this.#dir, { recursive: true, force: true });
    this.#dir = '';
  }

  get #shapeFile(): string {
    return path.join(this.#dir, 'shape.json');
  }

  /** Runs compose on the files as they are shipped, with the shape of this cluster on top. */
  async #run(...words: readonly string[]): Promise<string> {
    const files = ['compose.yml', 'compose.drill.yml', this.#shapeFile];
    const options = [...files.flatMap((file) => ['--file', file]), '--project-name', this.project];
    const ports = this.#nodes.map(({ url }) => Number(new URL(url).port));
    return await command([...this.#compose, ...options, ...words], { env: portVariables(ports) });
  }

  async #look(nodeId: string): Promise<ComposeNode> {
    const id = (await this.#run('ps', '--quiet', nodeId)).trim();
    const container = new Container(id, async () => await this.#network?.renew());
    const files = new VolumeFiles({
      volume: `${this.project}_${nodeId}`,
      image: IMAGE,
      workDir: path.join(this.#dir, nodeId),
      onHost: this.#options.filesOnHost ?? true,
    });
    return { nodeId, container, files };
  }

  #node(nodeId: string): ComposeNode {
    const found = this.#composed.get(nodeId);
    if (found === undefined) throw new WalshipError('DRILL_FAILED', `there is no node ${nodeId}`);
    return found;
  }

  #seed(): number {
    return this.#entropy.below(SEED_END);
  }
}
