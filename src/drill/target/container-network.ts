/** The network between containers, broken from the host: in their network namespaces where that is allowed, else by taking a node off its network. */
import { hostname } from 'node:os';
import { WalshipError } from '../../errors.ts';
import type { Container } from './container.ts';
import { CHAIN, filterRules, shapingRules, UNSHAPE } from './container-rules.ts';
import { command, succeeds } from './docker.ts';
import type { FaultKind, FaultOf } from '../faults/fault.ts';
import type { GroupFault } from '../faults/table.ts';
import { PathTable } from './path-table.ts';

/** Returns the network faults that are possible for containers here, found out in an empty network namespace. */
export function containerNetworkFaults(): readonly FaultKind[] {
  // Without it a node can still be taken off its network.
  if (!reachesNamespaces()) return ['isolate', 'heal-network'];
  const can: FaultKind[] = [];
  const matches = '-p tcp -m statistic --mode random --probability 0.5 -m length --length 61:65535';
  const filter = `iptables -A INPUT ${matches} --tcp-flags PSH PSH -j DROP`;
  if (isPossible(filter)) can.push('cut', 'isolate', 'partition', 'loss');
  else can.push('isolate');
  const htb = 'tc qdisc add dev lo root handle 1: htb default 1';
  const classify =
    'tc filter add dev lo parent 1: protocol ip u32 match ip dst 10.0.0.1/32 flowid 1:1';
  const netem = 'tc qdisc add dev lo parent 1:1 handle 10: netem delay 1ms';
  const shape = `${htb} && tc class add dev lo parent 1: classid 1:1 htb rate 1mbit && ${classify}`;
  if (isPossible(shape)) can.push('bandwidth');
  if (isPossible(`${shape} && ${netem}`)) can.push('delay');
  if (isPossible('ss --tcp --kill dst 127.0.0.1')) can.push('reset');
  return [...can, 'heal-network'];
}

/** Returns true if containers run on this machine, and this process may enter their namespaces. */
function reachesNamespaces(): boolean {
  if (process.getuid?.() !== 0) return false;
  const isHere = `test "$(docker info --format '{{.Name}}')" = '${hostname()}'`;
  return succeeds(['sh', '-c', `${isHere} && nsenter --version && unshare --net true`]);
}

function isPossible(script: string): boolean {
  return succeeds(['unshare', '--net', 'sh', '-c', script]);
}

export interface NetworkedNode {
  readonly nodeId: string;
  readonly container: Container;
}

/** A running container, as it is at this moment. */
interface Running {
  readonly nodeId: string;
  readonly pid: string;
  readonly address: string;
}

export class ContainerNetwork {
  readonly #nodes: readonly NetworkedNode[];
  /** The network of the project. */
  readonly #name: string;
  /** True if filters can be set in the namespaces of containers. */
  readonly #filters: boolean;
  readonly #paths: PathTable;
  /** Nodes that were taken off the network. */
  readonly #off = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(
    nodes: readonly NetworkedNode[],
    { name, can }: { readonly name: string; readonly can: ReadonlySet<FaultKind> },
  ) {
    this.#nodes = nodes;
    this.#name = name;
    this.#filters = can.has('cut');
    this.#paths = new PathTable(nodes.map(({ nodeId }) => nodeId));
  }

  /** Resolves when the network is as the fault wants it. @throws WalshipError DRILL_FAILED. */
  async apply(fault: GroupFault<'network'>): Promise<void> {
    if (fault.kind === 'reset') return await this.#reset(fault);
    if (!this.#filters) return await this.#plug(fault);
    this.#paths.apply(fault);
    await this.renew();
  }

  /**
   * Applies the rules anew. Call it when a container was started: its namespace is a new one, and its address may be
   * too. One call after the other.
   */
  async renew(): Promise<void> {
    if (!this.#filters) return;
    const renewed = this.#last.then(async () => await this.#renew());
    this.#last = renewed.catch(() => {});
    await renewed;
  }

  async #renew(): Promise<void> {
    const running = await this.#running();
    await Promise.all(running.map(async (node) => await this.#set(node, running)));
  }

  async #set({ nodeId, pid }: Running, running: readonly Running[]): Promise<void> {
    const neighbours = running
      .filter((other) => other.nodeId !== nodeId)
      .map((other) => ({
        address: other.address,
        incoming: this.#paths.path(other.nodeId, nodeId),
        outgoing: this.#paths.path(nodeId, other.nodeId),
      }));
    const filter = `iptables-restore --wait --noflush && { iptables --wait -C INPUT -j ${CHAIN} 2>/dev/null || iptables --wait -I INPUT -j ${CHAIN}; }`;
    await inside(pid, ['sh', '-c', filter], filterRules(neighbours));
    // The command may fail: without shaping there is nothing to remove.
    await inside(pid, ['sh', '-c', `${UNSHAPE.join(' ')} 2>/dev/null; true`]);
    const shaping = shapingRules(neighbours);
    if (shaping !== '') await inside(pid, ['tc', '-batch', '-'], shaping);
  }

  async #reset({ from, to }: FaultOf<'reset'>): Promise<void> {
    const running = await this.#running();
    const address = running.find(({ nodeId }) => nodeId === to)?.address;
    const pid = running.find(({ nodeId }) => nodeId === from)?.pid;
    if (address === undefined || pid === undefined) return; // Without one of them there is no connection.
    await inside(pid, ['ss', '--tcp', '--kill', 'dst', address]);
  }

  /** Takes a node off the network, and all of them on again; clients lose it too. */
  async #plug(fault: GroupFault<'network'>): Promise<void> {
    if (fault.kind === 'isolate') {
      const { id } = this.#container(fault.node);
      await command(['docker', 'network', 'disconnect', this.#name, id]);
      this.#off.add(fault.node);
    } else if (fault.kind === 'heal-network') {
      for (const node of this.#off) {
        const words = ['docker', 'network', 'connect', '--alias', node, this.#name];
        await command([...words, this.#container(node).id]);
      }
      this.#off.clear();
    } else {
      throw new WalshipError('DRILL_FAILED', `this target cannot do ${fault.kind}`);
    }
  }

  #container(nodeId: string): Container {
    const found = this.#nodes.find((node) => node.nodeId === nodeId);
    if (found === undefined) throw new WalshipError('DRILL_FAILED', `there is no node ${nodeId}`);
    return found.container;
  }

  async #running(): Promise<readonly Running[]> {
    const up = this.#nodes.filter(({ container }) => container.isUp);
    if (up.length === 0) return [];
    const format = '{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
    const ids = up.map(({ container }) => container.id);
    const lines = (await command(['docker', 'inspect', '--format', format, ...ids])).split('\n');
    return up.flatMap(({ nodeId }, index) => {
      const [pid = '0', address = ''] = (lines[index] ?? '').trim().split(' ');
      // The container has ended in this moment.
      return pid === '0' || address === '' ? [] : [{ nodeId, pid, address }];
    });
  }
}

async function inside(pid: string, words: readonly string[], input = ''): Promise<void> {
  await command(['nsenter', '--target', pid, '--net', ...words], { input });
}
