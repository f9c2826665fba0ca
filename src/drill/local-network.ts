/** The network between the nodes of one machine: a proxy for each of them towards each other, and what network faults make of the paths. */
import { SimEntropy } from '../sim/sim-entropy.ts';
import type { NetworkFault } from './fault.ts';
import { GOOD_PATH } from './network-path.ts';
import type { PathCondition } from './network-path.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** A node and the loopback port at which it listens. */
export interface Listener {
  readonly nodeId: string;
  readonly port: number;
}

export class LocalNetwork {
  readonly #ids: readonly string[];
  readonly #paths = new Map<string, PathCondition>();
  readonly #proxies = new Map<string, TcpProxy>();
  readonly #entropy: SimEntropy;

  private constructor(ids: readonly string[], seed: number) {
    this.#ids = ids;
    this.#entropy = new SimEntropy(seed).fork('network');
  }

  /** Resolves when every node can be reached from every other through a proxy of that pair. */
  static async open(listeners: readonly Listener[], seed: number): Promise<LocalNetwork> {
    const ids = listeners.map(({ nodeId }) => nodeId);
    const network = new LocalNetwork(ids, seed);
    for (const from of ids) {
      for (const { nodeId: to, port } of listeners) {
        if (to !== from) await network.#stand(from, { nodeId: to, port });
      }
    }
    return network;
  }

  /** Where `from` reaches `to`. */
  addressOf(from: string, to: string): string {
    return `127.0.0.1:${this.#proxies.get(nameOf(from, to))?.port ?? 0}`;
  }

  /** Changes the paths as the fault says, all at one moment. */
  apply(fault: NetworkFault): void {
    switch (fault.kind) {
      case 'cut':
        this.#change(fault.from, fault.to, { cut: true });
        break;
      case 'isolate':
        this.#cutBetween((from, to) => from === fault.node || to === fault.node);
        break;
      case 'partition':
        this.#partition(fault.groups);
        break;
      case 'delay':
        this.#change(fault.from, fault.to, { delayMs: fault.ms, jitterMs: fault.jitterMs });
        break;
      case 'loss':
        this.#change(fault.from, fault.to, { lossShare: fault.share });
        break;
      case 'bandwidth':
        this.#change(fault.from, fault.to, { bytesPerSecond: fault.bytesPerSecond });
        break;
      case 'reset':
        this.#proxies.get(nameOf(fault.from, fault.to))?.reset();
        this.#proxies.get(nameOf(fault.to, fault.from))?.reset();
        return;
      case 'heal-network':
        this.#paths.clear();
    }
    for (const proxy of this.#proxies.values()) proxy.changed();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map(async (proxy) => await proxy.close()));
  }

  async #stand(from: string, { nodeId: to, port }: Listener): Promise<void> {
    const name = nameOf(from, to);
    const entropy = this.#entropy.fork(name);
    const proxy = await TcpProxy.open({
      target: { host: '127.0.0.1', port },
      there: () => this.#path(from, to),
      back: () => this.#path(to, from),
      fraction: () => entropy.fraction(),
      nowMs: () => performance.now(),
    });
    this.#proxies.set(name, proxy);
  }

  #path(from: string, to: string): PathCondition {
    return this.#paths.get(nameOf(from, to)) ?? GOOD_PATH;
  }

  #change(from: string, to: string, change: Partial<PathCondition>): void {
    this.#paths.set(nameOf(from, to), { ...this.#path(from, to), ...change });
  }

  #partition(groups: readonly (readonly string[])[]): void {
    const groupOf = (id: string): number => groups.findIndex((group) => group.includes(id));
    for (const from of this.#ids) {
      for (const to of this.#ids) {
        if (from !== to) this.#change(from, to, { cut: groupOf(from) !== groupOf(to) });
      }
    }
  }

  #cutBetween(concerns: (from: string, to: string) => boolean): void {
    for (const from of this.#ids) {
      for (const to of this.#ids) {
        if (from !== to && concerns(from, to)) this.#change(from, to, { cut: true });
      }
    }
  }
}

function nameOf(from: string, to: string): string {
  return `${from}>${to}`;
}
