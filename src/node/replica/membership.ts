import { configHash } from '../../protocol/config-hash.ts';
import { quorumsOf } from '../cluster/cluster.ts';
import type { Quorums } from '../cluster/cluster.ts';
import type { Peer } from '../cluster/peers.ts';
import type { Replica } from './replica.ts';

/** Address for a voter whose address this node was never told; it resolves nowhere. */
const ADDRESS_UNKNOWN = 'unknown.invalid:1';

/** Voters and W of a cluster. */
export interface ClusterConfig {
  readonly voters: readonly string[];
  readonly quorum: number;
}

/**
 * Returns the voters and W in force in the cluster of this node, fixed at its birth or by a forced failover since;
 * undefined while it knows of none. meta.json comes first: it is changed before the EPOCH record with the same
 * content arrives.
 */
export function configOf({ log, meta }: Replica): ClusterConfig | undefined {
  const { voters, quorum } = meta.current;
  if (voters !== null && quorum !== null) return { voters, quorum };
  return log.history.newest;
}

/**
 * Voters, quorums and addresses of the cluster. Voters and W may change while the node runs: each getter reads them
 * anew.
 */
export class Membership {
  readonly #replica: Replica;
  readonly #started: { readonly peers: readonly Peer[]; readonly quorum: number };
  #known: readonly Peer[];
  #current: (ClusterConfig & { readonly quorums: Quorums; readonly hash: string }) | undefined;

  constructor(replica: Replica, started: { peers: readonly Peer[]; quorum: number }) {
    this.#replica = replica;
    this.#started = started;
    this.#known = started.peers;
  }

  /** Voters with their addresses. */
  get peers(): readonly Peer[] {
    const { voters } = this.#config;
    const named = this.#known.filter(({ nodeId }) => voters.includes(nodeId));
    if (named.length === voters.length) return named;
    return voters.map(
      (nodeId) =>
        named.find((peer) => peer.nodeId === nodeId) ?? { nodeId, address: ADDRESS_UNKNOWN },
    );
  }

  /** Node ids of the voters. */
  get voters(): readonly string[] {
    return this.#config.voters;
  }

  /** Nodes whose address is known, voters of an earlier history included. */
  get known(): readonly Peer[] {
    return this.#known;
  }

  get quorums(): Quorums {
    return this.#config.quorums;
  }

  get configHash(): string {
    return this.#config.hash;
  }

  /** Notes the address at which a node was met. */
  learn(peer: Peer): void {
    const known = this.#known.some(({ nodeId }) => nodeId === peer.nodeId);
    this.#known = known
      ? this.#known.map((before) => (before.nodeId === peer.nodeId ? peer : before))
      : [...this.#known, peer];
  }

  get #config(): ClusterConfig & { readonly quorums: Quorums; readonly hash: string } {
    const { peers, quorum: startedWith } = this.#started;
    const inForce = configOf(this.#replica);
    const voters = inForce?.voters ?? peers.map(({ nodeId }) => nodeId);
    const quorum = inForce?.quorum ?? startedWith;
    const current = this.#current;
    const same =
      current?.quorum === quorum && current.voters.join(' ') === voters.join(' ') && current;
    if (same !== undefined && same !== false) return same;
    const quorums = quorumsOf(voters.length, quorum);
    this.#current = { voters, quorum, quorums, hash: configHash(voters, quorum) };
    return this.#current;
  }
}
