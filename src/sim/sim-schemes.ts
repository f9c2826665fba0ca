/**
 * Combinations of faults that make rare moments likely: each is an execution that broke an earlier version of a rule,
 * with its times and its cast drawn anew. All other faults go on at the same time.
 */
import type { DiskLoss } from './disk-loss.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimWorld } from './sim-world.ts';

export interface SchemeOptions {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly machines: readonly SimMachine[];
  readonly losses: DiskLoss;
  readonly promote: (machine: SimMachine) => void;
  readonly note: (text: string) => void;
  /** Returns true when nothing more is to be broken. */
  readonly isOver: () => boolean;
}

/** Cast of a scheme: a leader, a node to lead instead, and all nodes that are not that leader. */
interface Cast {
  readonly leader: SimMachine;
  readonly candidate: SimMachine;
  readonly followers: readonly SimMachine[];
}

export class Schemes {
  readonly #options: SchemeOptions;

  constructor(options: SchemeOptions) {
    this.#options = options;
  }

  /**
   * Deposes a leader that does not learn of it: earlier messages of its followers are still on their way, and its own
   * batches are still on their way to disks. Now and then it is paused besides, and finds everything in its sockets
   * when it wakes.
   */
  behindItsBack(entropy: SeededEntropy): void {
    const { network, note, promote } = this.#options;
    const cast = this.#cast(entropy);
    if (cast === undefined) return;
    const { leader, candidate, followers } = cast;
    note(`${candidate.nodeId} is promoted behind the back of ${leader.nodeId}`);
    for (const { nodeId, disk } of followers) {
      const path = network.path(nodeId, leader.nodeId);
      path.delayMs = entropy.pick([1, 1, 50, 400, 900, 900]);
      if (nodeId !== candidate.nodeId) disk.stallMs = entropy.pick([0, 20, 150, 250, 500]);
    }
    // The leader's batches may get there all along: only the question must not get back.
    network.cut(candidate.nodeId, leader.nodeId);
    if (entropy.chance(0.4)) network.cut(leader.nodeId, candidate.nodeId);
    if (entropy.chance(0.15)) leader.process?.pause(entropy.between(100, 2_000));
    this.#later(entropy.pick([0.5, 5, 50]) * entropy.fraction(), () => promote(candidate));
    this.#later(entropy.between(300, 3_000), () => this.#rejoins(entropy, leader));
  }

  /**
   * Lets a voter grant, lose its disk as soon as the new leader leads, and find the deposed leader first when it
   * comes back: empty, or, where bits rotted, suspect.
   */
  forgottenGrant(entropy: SeededEntropy): void {
    const { network, note, promote, losses } = this.#options;
    const cast = this.#cast(entropy);
    const voter = cast?.followers.find(({ nodeId }) => nodeId !== cast.candidate.nodeId);
    if (cast === undefined || voter === undefined) return;
    const { leader, candidate, followers } = cast;
    note(`${voter.nodeId} is to forget what it granted ${candidate.nodeId}`);
    const others = followers.filter((machine) => machine !== voter);
    network.partition(
      [leader.nodeId],
      others.map(({ nodeId }) => nodeId),
    );
    this.#later(entropy.between(0, 5), () => promote(candidate));
    this.#whenLeads(candidate, entropy.between(1, 60), () => {
      network.partition(
        [voter.nodeId],
        others.map(({ nodeId }) => nodeId),
      );
      if (entropy.chance(0.7)) losses.wipe(voter);
      else losses.rotNewest(voter, entropy);
      this.#later(entropy.between(1, 30), () => losses.start(voter));
      this.#later(entropy.between(300, 2_000), () => network.heal());
    });
  }

  /**
   * Gives one follower records that no other node has, and keeps its acks back; the leader dies, that follower leads
   * and inherits the records, and may be gone again before another node has them all.
   */
  inheritedTail(entropy: SeededEntropy): void {
    const { network, note, promote } = this.#options;
    const cast = this.#cast(entropy);
    if (cast === undefined) return;
    const { leader, candidate, followers } = cast;
    note(`${candidate.nodeId} is to inherit from ${leader.nodeId} what nobody else has`);
    for (const { nodeId } of followers) {
      network.cut(nodeId, leader.nodeId);
      if (nodeId !== candidate.nodeId) network.cut(leader.nodeId, nodeId);
    }
    this.#later(entropy.between(5, 100), () => {
      if (entropy.chance(0.5)) leader.kill();
      promote(candidate);
    });
    this.#whenLeads(candidate, entropy.between(0.5, 40), () => {
      network.heal();
      if (entropy.chance(0.6)) candidate.kill();
      const next = entropy.pick([leader, ...followers]);
      this.#later(entropy.between(50, 300), () => promote(next));
    });
  }

  /**
   * Breaks the links of a leader and a follower again and again, while the follower's messages are slow, or get lost.
   */
  reconnects(entropy: SeededEntropy): void {
    const { network, note } = this.#options;
    const cast = this.#cast(entropy);
    if (cast === undefined) return;
    const { leader, candidate: follower, followers } = cast;
    note(`the links between ${leader.nodeId} and ${follower.nodeId} break again and again`);
    network.path(follower.nodeId, leader.nodeId).delayMs = entropy.pick([1, 10, 60]);
    // Nothing must be committed in that time, unless one node counts as two.
    if (entropy.chance(0.6)) {
      const others = followers.filter((machine) => machine !== follower);
      network.partition(
        [leader.nodeId],
        others.map(({ nodeId }) => nodeId),
      );
    }
    // A node that lost its leader takes about 100 ms to find it again.
    const breaks = entropy.pick([1, 2, 4, 15]);
    const everyMsMax = entropy.pick([30, 200, 400]);
    let afterMs = 0;
    for (let count = 0; count < breaks; count += 1) {
      afterMs += entropy.between(2, everyMsMax);
      this.#later(afterMs, () => {
        if (entropy.chance(0.5)) network.breakLinks(leader.nodeId, follower.nodeId);
        else network.breakEnds(follower.nodeId, leader.nodeId);
      });
    }
    if (entropy.chance(0.4)) {
      this.#later(afterMs * entropy.fraction(), () => {
        follower.losePower();
        this.#later(entropy.between(1, 50), () => this.#options.losses.start(follower));
      });
    }
    this.#later(afterMs + entropy.between(100, 600), () => network.heal());
  }

  /**
   * Lets a leader keep writing alone while another one leads; then it follows that one, with a divergent tail, and
   * leads again before long.
   */
  thereAndBack(entropy: SeededEntropy): void {
    const { network, note, promote } = this.#options;
    const cast = this.#cast(entropy);
    if (cast === undefined) return;
    const { leader, candidate, followers } = cast;
    note(`${leader.nodeId} loses the lead to ${candidate.nodeId}, and is to get it back`);
    // Nodes that hear the leader still get its writes.
    const deaf = followers.filter((machine) => machine === candidate || entropy.chance(0.5));
    for (const { nodeId } of followers) network.cut(nodeId, leader.nodeId);
    for (const { nodeId } of deaf) network.cut(leader.nodeId, nodeId);
    this.#later(entropy.between(5, 200), () => {
      network.heal();
      network.partition(
        [leader.nodeId],
        deaf.map(({ nodeId }) => nodeId),
      );
      promote(candidate);
    });
    this.#whenLeads(candidate, entropy.between(5, 300), () => this.#rejoins(entropy, leader));
    const back = this.#later.bind(this, entropy.between(20, 400));
    this.#whenLeads(candidate, entropy.between(300, 600), () => back(() => promote(leader)));
  }

  #cast(entropy: SeededEntropy): Cast | undefined {
    const { machines } = this.#options;
    const leader = machines.find(({ node }) => node?.status().role === 'leader');
    const followers = machines.filter((machine) => machine !== leader);
    if (leader === undefined || followers.length === 0) return undefined;
    return { leader, candidate: entropy.pick(followers), followers };
  }

  /**
   * Heals the network, and lets the old leader follow: now and then so slowly that much happens before its divergent
   * tail is cut.
   */
  #rejoins(entropy: SeededEntropy, { disk, nodeId }: SimMachine): void {
    const { network, note } = this.#options;
    disk.slowness = entropy.pick([1, 20, 150]);
    note(`${nodeId} may rejoin, with a disk ${disk.slowness} times slower`);
    network.heal();
    this.#later(entropy.between(500, 2_000), () => {
      disk.slowness = 1;
    });
  }

  #later(ms: number, run: () => void): void {
    const { world, isOver } = this.#options;
    world.clock.schedule(ms, () => {
      if (!isOver()) run();
    });
  }

  /** Runs `run` some time after `machine` has begun to lead, if it does so soon. */
  #whenLeads(machine: SimMachine, afterMs: number, run: () => void): void {
    const giveUpMs = this.#options.world.clock.nowMs() + WAIT_MS_MAX;
    const look = (): void => {
      if (machine.node?.status().role === 'leader') this.#later(afterMs, run);
      else if (this.#options.world.clock.nowMs() < giveUpMs) this.#later(LOOK_MS, look);
      else this.#options.network.heal();
    };
    look();
  }
}

const LOOK_MS = 2;
const WAIT_MS_MAX = 1_500;
