/** The network between the nodes of one machine: a proxy for each of them towards each other, and what network faults make of the paths. */
import { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { GroupFault } from '../faults/table.ts';
import { PathTable } from './path-table.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** A node and the loopback port at which it listens. */
export interface Listener {
  readonly nodeId: string;
  readonly port: number;
}

export class LocalNetwork {
  readonly #paths: PathTable;
  readonly #proxies = new Map<string, TcpProxy>();
  readonly #entropy: SeededEntropy;

  private constructor(ids: readonly string[], seed: number) {
    this.#paths = new PathTable(ids);
    this.#entropy = new SeededEntropy(seed).fork('network');
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

  /** Returns the address at which `from` reaches `to`. */
  addressOf(from: string, to: string): string {
    return `127.0.0.1:${this.#proxies.get(nameOf(from, to))?.port ?? 0}`;
  }

  /** Changes the paths as the fault says, all at one moment. */
  apply(fault: GroupFault<'network'>): void {
    if (fault.kind === 'reset') {
      this.#proxies.get(nameOf(fault.from, fault.to))?.reset();
      this.#proxies.get(nameOf(fault.to, fault.from))?.reset();
      return;
    }
    this.#paths.apply(fault);
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
      there: () => this.#paths.path(from, to),
      back: () => this.#paths.path(to, from),
      fraction: () => entropy.fraction(),
      nowMs: () => performance.now(),
    });
    this.#proxies.set(name, proxy);
  }
}

function nameOf(from: string, to: string): string {
  return `${from}>${to}`;
}
