import { configHash } from '../../protocol/config-hash.ts';
import { quorumsOf } from '../cluster/cluster.ts';
import type { Quorums } from '../cluster/cluster.ts';
import type { Peer } from '../cluster/peers.ts';
import type { Replica } from './replica.ts';

/** Where a voter is dialled whose address nobody told this node: nowhere. */
const ADDRESS_UNKNOWN = 'unknown.invalid:1';

/** The voters and W of a cluster. */
export interface ClusterConfig {
  readonly voters: readonly string[];
  readonly quorum: number;
}

/**
 * The voters and W that the cluster of this node goes by, fixed at its birth or by a forced failover since; undefined while it knows of
 * none. What meta.json says comes first: it is changed before the EPOCH record that says the same arrives.
 */
export function configOf({ log, meta }: Replica): ClusterConfig | undefined {
  const { voters, quorum } = meta.current;
  if (voters !== null && quorum !== null) return { voters, quorum };
  return log.history.newest;
}

/** Who votes, by which quorums, and where everybody is reached. Voters and W may change while the node runs; it asks each time. */
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

  /** The voters. */
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

  /** Every node whose address is known, voters of an earlier history too. */
  get known(): readonly Peer[] {
    return this.#known;
  }

  get quorums(): Quorums {
    return this.#config.quorums;
  }

  get configHash(): string {
    return this.#config.hash;
  }

  /** Somebody was met at this address. */
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
