/** Fake nodes behind real client sessions, on a simulated network; and a client of them. */
import { Client } from '../../src/client/client.ts';
import { isWalshipError } from '../../src/errors.ts';
import type { WalshipError } from '../../src/errors.ts';
import { Turns } from '../../src/ports/turns.ts';
import { BODIES_BYTES_MAX } from '../../src/server/limits.ts';
import { ByteBudget } from '../../src/server/byte-budget.ts';
import { ClientSessions } from '../../src/server/client-sessions.ts';
import type { SimProcess } from '../../src/sim/sim-clock.ts';
import { SimNetwork } from '../../src/sim/sim-network.ts';
import { simulate } from '../../src/sim/sim-world.ts';
import type { SimWorld } from '../../src/sim/sim-world.ts';
import { FakeNode } from '../server/fake-node.ts';

export interface StagedNode {
  readonly node: FakeNode;
  readonly address: string;
  readonly process: SimProcess;
  readonly sessions: ClientSessions;
}

export interface Stage {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly nodes: readonly StagedNode[];
  /** Knows all nodes, or those given. */
  readonly client: (nodes?: readonly string[], timeoutMs?: number) => Client;
  /** The process dies, as with kill -9. */
  readonly kill: (staged: StagedNode) => void;
}

/** Runs `main` with so many nodes, which are strangers to each other. */
export async function onStage(count: number, main: (stage: Stage) => Promise<void>): Promise<void> {
  await simulate(5, async (world) => {
    const network = new SimNetwork(world.clock, { seed: 5 });
    const nodes = Array.from({ length: count }, (_, index) => {
      const node = new FakeNode(`n${index + 1}`);
      const address = `n${index + 1}:7401`;
      const process = world.process();
      const delay = { read: () => ({ p99Ms: 0, maxMs: 0 }) };
      const shared = {
        bodies: new ByteBudget(BODIES_BYTES_MAX),
        delay,
        answers: { wrote: () => undefined, failed: () => undefined },
        watchers: 0,
        turns: new Turns(process),
      };
      const log = { error: () => undefined };
      const sessions = new ClientSessions({ node, clock: process, shared, log });
      network.listen(address, process, (link) => sessions.accept(link));
      return { node, address, process, sessions };
    });
    const clients: Client[] = [];
    const all: readonly string[] = nodes.map(({ address }) => address);
    const client = (addresses = all, timeoutMs = 5_000): Client => {
      const process = world.process();
      const made = new Client({
        nodes: addresses,
        dialer: network.dialer('client', process),
        clock: process,
        entropy: world.entropy.fork('client'),
        timeoutMs,
      });
      clients.push(made);
      return made;
    };
    const kill = ({ process, address }: StagedNode): void => {
      process.kill();
      network.died(address, 'kill');
    };
    await main({ world, network, nodes, client, kill });
    for (const made of clients) await made.close();
  });
}

/** The coded error that a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<WalshipError> {
  try {
    await call;
  } catch (error) {
    if (isWalshipError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
