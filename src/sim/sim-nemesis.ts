import type { ClusterChecker } from './cluster-checker.ts';
import { DiskLoss } from './disk-loss.ts';
import { DiskNemesis } from './disk-nemesis.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import { Schemes } from './sim-schemes.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimWorld } from './sim-world.ts';

export interface NemesisOptions {
  readonly world: SimWorld;
  readonly entropy: SeededEntropy;
  readonly network: SimNetwork;
  readonly machines: readonly SimMachine[];
  readonly checker: ClusterChecker;
  readonly quorum: number;
  /** Creates a machine for a second node of the same id. */
  readonly duplicate: (machine: SimMachine, withCopy: boolean) => SimMachine;
  readonly note: (text: string) => void;
}

type Fault = (entropy: SeededEntropy, machine: SimMachine) => void;

/** Breaks things, at random and within the fault model: no more than W-1 disks are lost at a time. */
export class SimNemesis {
  readonly #options: NemesisOptions;
  readonly #faults: readonly Fault[];
  readonly #losses: DiskLoss;
  readonly #disks: DiskNemesis;
  #running = true;
  readonly #duplicates: SimMachine[] = [];

  constructor(options: NemesisOptions) {
    this.#options = options;
    this.#losses = new DiskLoss(options);
    this.#disks = new DiskNemesis({ ...options, losses: this.#losses });
    const schemes = new Schemes({
      ...options,
      losses: this.#losses,
      promote: (machine) => this.#promote(machine),
      isOver: () => !this.#running,
    });
    const all: Record<string, Fault> = {
      kill: (_, machine) => machine.kill(),
      power: (_, machine) => machine.losePower(),
      killThenPower: (entropy, machine) => this.#killThenPower(entropy, machine),
      powerAll: (entropy) => this.#powerAll(entropy),
      crashInDisk: (entropy, machine) => this.#inDisk(entropy, machine, 'crash'),
      failDisk: (entropy, machine) => this.#inDisk(entropy, machine, 'eio'),
      fullDisk: (entropy, machine) => this.#inDisk(entropy, machine, 'enospc'),
      slowDisk: (entropy, machine) => this.#slowDisk(entropy, machine),
      pause: (entropy, machine) => this.#pause(entropy, machine),
      partition: (entropy) => this.#partition(entropy),
      cutOneWay: (entropy) => this.#cutOneWay(entropy),
      delay: (entropy) => this.#delay(entropy),
      breakLinks: (entropy) => this.#breakLinks(entropy),
      heal: () => this.#heal(),
      wipe: (_, machine) => this.#losses.wipe(machine),
      rot: (entropy, machine) => this.#losses.rot(machine, entropy),
      rotSealed: (entropy, machine) => this.#losses.rotSealed(machine, entropy),
      backUp: (_, machine) => this.#losses.backUp(machine),
      restore: (_, machine) => this.#losses.restore(machine),
      jumpClock: (entropy, machine) => this.#jumpClock(entropy, machine),
      promoteAll: () => this.#promoteAll(),
      duplicate: (entropy, machine) => this.#duplicate(entropy, machine),
      promote: (_, machine) => this.#promote(machine),
      depose: (entropy) => this.#depose(entropy),
      switchover: (entropy) => this.#switchover(entropy),
      behindItsBack: (entropy) => schemes.behindItsBack(entropy),
      forgottenGrant: (entropy) => schemes.forgottenGrant(entropy),
      inheritedTail: (entropy) => schemes.inheritedTail(entropy),
      reconnects: (entropy) => schemes.reconnects(entropy),
      thereAndBack: (entropy) => schemes.thereAndBack(entropy),
    };
    // Each run uses some of the faults only: a fault that hides others would hide them in every run.
    const names = Object.keys(all).filter(() => options.entropy.chance(0.6));
    this.#faults = [...names, 'heal', 'kill', 'promote'].map(
      (name) => all[name] ?? (() => undefined),
    );
  }

  stop(): void {
    this.#running = false;
    this.#disks.stop();
  }

  /** Breaks disks for longer than one operation; runs all the time. */
  breakDisks(): Promise<void> {
    return this.#disks.run();
  }

  async run(): Promise<void> {
    const { world, entropy, machines } = this.#options;
    while (this.#running) {
      await world.pass(entropy.between(50, 1_200));
      if (!this.#running) return;
      entropy.pick(this.#faults)(entropy, entropy.pick(machines));
    }
  }

  /** Restarts nodes that are down after a while; runs all the time. */
  async restart(): Promise<void> {
    const { world, entropy, machines } = this.#options;
    while (this.#running) {
      await world.pass(entropy.between(100, 2_000));
      const down = machines.filter(({ isUp }) => !isUp);
      if (down.length > 0 && this.#running) this.#losses.start(entropy.pick(down));
    }
  }

  /** Ends all faults, and starts every node. */
  healAll(): void {
    for (const { process } of this.#duplicates) process?.kill();
    this.#heal();
    for (const machine of this.#options.machines) {
      machine.disk.healthy();
      machine.disk.slowness = 1;
    }
    this.startAll();
  }

  /** Starts the machines that are down. */
  startAll(): void {
    for (const machine of this.#options.machines) this.#losses.start(machine);
  }

  /** Promotes a node for no reason, under load, as an operator may. */
  #promote({ nodeId, node }: SimMachine): void {
    const { note } = this.#options;
    note(`${nodeId} is promoted under load`);
    node?.promote().then(
      ({ epoch }) => note(`${nodeId} leads epoch ${epoch}`),
      (error: unknown) => note(`${nodeId} cannot lead: ${String(error)}`),
    );
  }

  /** Cuts the leader off from all others, of which one is promoted: for a while two nodes believe that they lead. */
  #depose(entropy: SeededEntropy): void {
    const { machines, network, note, world } = this.#options;
    const leader = machines.find(({ node }) => node?.status().role === 'leader');
    const others = machines.filter((machine) => machine !== leader);
    if (leader === undefined || others.length === 0) return;
    note(`${leader.nodeId} is cut off from all others`);
    const ids = others.map(({ nodeId }) => nodeId);
    network.partition([leader.nodeId], ids);
    world.clock.schedule(entropy.between(0, 500), () => {
      if (this.#running) this.#promote(entropy.pick(others));
    });
  }

  /** Begins a planned change of leaders, during any other faults. */
  #switchover(entropy: SeededEntropy): void {
    const { machines, note } = this.#options;
    const leader = machines.find(({ node }) => node?.status().role === 'leader');
    const to = entropy.pick(machines).nodeId;
    const timeoutMs = entropy.pick([50, 500, 5_000]);
    note(`${leader?.nodeId ?? 'nobody'} hands over to ${to} within ${timeoutMs} ms`);
    leader?.node?.switchover({ to, timeoutMs }).then(
      ({ epoch }) => note(`${to} took over in epoch ${epoch}`),
      (error: unknown) => note(`${to} did not take over: ${String(error)}`),
    );
  }

  #killThenPower(entropy: SeededEntropy, machine: SimMachine): void {
    const { world } = this.#options;
    machine.kill();
    world.clock.schedule(entropy.between(0, 3_000), () => {
      if (this.#running) machine.losePower();
    });
  }

  #powerAll(entropy: SeededEntropy): void {
    const { machines } = this.#options;
    for (const machine of machines) if (entropy.chance(0.9)) machine.losePower();
  }

  #inDisk(entropy: SeededEntropy, machine: SimMachine, fault: 'crash' | 'eio' | 'enospc'): void {
    const number = machine.disk.operations + 1 + entropy.below(20);
    this.#options.note(`${machine.nodeId}: ${fault} at disk operation ${number}`);
    machine.disk.failAt(number, fault);
    const withPower = entropy.chance(0.5);
    machine.process?.onDeath(() => {
      machine.disk.healthy();
      if (withPower) this.#options.world.clock.schedule(0, () => machine.losePower());
    });
  }

  #slowDisk(entropy: SeededEntropy, { nodeId, disk }: SimMachine): void {
    disk.slowness = entropy.pick([1, 1, 20, 200, 2_000]);
    this.#options.note(`${nodeId}: disk ${disk.slowness} times slower`);
  }

  #pause(entropy: SeededEntropy, { nodeId, process }: SimMachine): void {
    // The time is now and then longer than any timeout, and longer than the others need to find a leader.
    const forMs = entropy.chance(0.15)
      ? entropy.between(8_000, 20_000)
      : entropy.between(100, 6_000);
    this.#options.note(`${nodeId} is paused for ${forMs.toFixed(0)} ms`);
    process?.pause(forMs);
  }

  #partition(entropy: SeededEntropy): void {
    const { machines, network, note } = this.#options;
    const side = machines.map(({ nodeId }) => nodeId).filter(() => entropy.chance(0.5));
    const others = machines.map(({ nodeId }) => nodeId).filter((id) => !side.includes(id));
    note(`partition: ${side.join(' ') || '-'} | ${others.join(' ') || '-'}`);
    network.partition(side, others);
  }

  #cutOneWay(entropy: SeededEntropy): void {
    const [from, to] = this.#pair(entropy);
    this.#options.note(`cut: ${from} -> ${to}`);
    this.#options.network.cut(from, to);
  }

  #delay(entropy: SeededEntropy): void {
    const [from, to] = this.#pair(entropy);
    const path = this.#options.network.path(from, to);
    path.delayMs = entropy.pick([0.2, 20, 300]);
    path.jitterMs = entropy.pick([0.2, 30, 500]);
    this.#options.note(
      `delay: ${from} -> ${to} ${path.delayMs} to ${path.delayMs + path.jitterMs} ms`,
    );
  }

  #breakLinks(entropy: SeededEntropy): void {
    const [from, to] = this.#pair(entropy);
    this.#options.note(`links break: ${from} - ${to}`);
    this.#options.network.breakLinks(from, to);
  }

  #heal(): void {
    this.#options.note('the network heals');
    this.#options.network.heal();
  }

  /** Sets the wall clock of a machine, forwards or back. */
  #jumpClock(entropy: SeededEntropy, { nodeId, process }: SimMachine): void {
    const byMs = entropy.pick([1, -1]) * entropy.pick([1_000, 3_600_000, 1e11]);
    this.#options.note(`${nodeId}: the wall clock jumps by ${byMs} ms`);
    process?.jumpWall(byMs);
  }

  /** Starts a second process with the id of a voter, for a while: from a copied machine, or a copied configuration. */
  #duplicate(entropy: SeededEntropy, machine: SimMachine): void {
    const copy = this.#options.duplicate(machine, entropy.chance(0.5));
    this.#duplicates.push(copy);
    copy.start();
    if (entropy.chance(0.5)) {
      this.#options.world.clock.schedule(200, () => {
        if (this.#running) copy.node?.promote().catch(() => undefined);
      });
    }
    this.#options.world.clock.schedule(entropy.between(500, 5_000), () => copy.process?.kill());
  }

  /** Promotes several nodes, like operators who do not know of each other. */
  #promoteAll(): void {
    for (const machine of this.#options.machines) this.#promote(machine);
  }

  #pair(entropy: SeededEntropy): [string, string] {
    const ids = this.#options.machines.map(({ nodeId }) => nodeId);
    const from = entropy.pick(ids);
    const others = ids.filter((id) => id !== from);
    return [from, others.length === 0 ? from : entropy.pick(others)];
  }
}
