import type { HelloAnswer } from '../protocol/client-messages.ts';

/**
 * Chooses the node to ask next: the presumed leader, or the node for reads. Decides from reports alone; no clock, no
 * I/O.
 */
export class Route {
  readonly #nodes: readonly string[];
  /** Node ids by address, as they were given or as the nodes named themselves: a leader may be reached at another address than its peers use. */
  readonly #ids: Map<string, string>;
  /** Addresses that failed since they last answered; one hint about each is not believed. */
  readonly #distrusted = new Set<string>();
  /** Addresses that reported not to be ready: reads go to others, as long as none of those fails. */
  readonly #unready = new Set<string>();
  #leader: string | undefined;
  #turn: number;

  /** Creates a route. `start` is the index of the first node to ask; `ids` holds the given node ids by address. */
  constructor(nodes: readonly string[], start: number, ids?: ReadonlyMap<string, string>) {
    this.#nodes = nodes;
    this.#turn = start;
    this.#ids = new Map(ids);
  }

  get count(): number {
    return this.#nodes.length;
  }

  /** Presumed leader, else the node whose turn it is. */
  get forLeader(): string {
    return this.#leader ?? this.forReads;
  }

  /** Node whose turn it is, or the next one that may be ready: it stays the same for as long as it answers. */
  get forReads(): string {
    const inTurn = this.#nodeAt(this.#turn);
    if (this.#unready.size === 0) return inTurn;
    for (let step = 0; step < this.#nodes.length; step += 1) {
      const address = this.#nodeAt(this.#turn + step);
      if (!this.#unready.has(address)) return address;
    }
    return inTurn;
  }

  /** Returns true if reads may find a ready node at another address. */
  otherMayBeReady(address: string): boolean {
    return this.#nodes.some((other) => other !== address && !this.#unready.has(other));
  }

  /** Notes that a node answers, and lacks acknowledged writes. */
  notReady(address: string): void {
    this.#unready.add(address);
  }

  /** Notes the identity of a node, its leader, and whether it is ready. */
  met(
    address: string,
    { nodeId, leader, ready }: Pick<HelloAnswer, 'nodeId' | 'leader' | 'ready'>,
  ): void {
    this.#ids.set(address, nodeId);
    if (ready) this.#unready.delete(address);
    else this.notReady(address);
    if (leader !== null && this.#leader === undefined) this.#believe(leader);
  }

  /** Notes that a node acted as the leader. */
  led(address: string): void {
    this.#leader = address;
    this.#distrusted.delete(address);
  }

  /** Notes that a read was answered. */
  worked(address: string): void {
    this.#distrusted.delete(address);
  }

  /** Notes that a node does not lead, and the leader that it knows, if any. */
  redirected(from: string, leader: { nodeId: string; address: string } | null): void {
    if (this.#leader === from) this.#leader = undefined;
    if (leader !== null && this.#addressOf(leader) !== from && this.#believe(leader)) return;
    this.#pass(from);
  }

  /**
   * Notes a node that did not answer, or cannot serve: it is the next one's turn. Of several calls that failed at one
   * node only the first counts.
   */
  failed(address: string): void {
    this.#distrusted.add(address);
    // A node that was not ready is better than no node, and may be ready now.
    this.#unready.clear();
    if (this.#leader === address) this.#leader = undefined;
    this.#pass(address);
  }

  #nodeAt(turn: number): string {
    return this.#nodes[turn % this.#nodes.length] ?? '';
  }

  #pass(address: string): void {
    if (this.forReads !== address) return;
    this.#turn = (this.#nodes.indexOf(address) + 1) % this.#nodes.length;
  }

  /**
   * Returns false if this presumed leader has just failed: the next hint is believed, so that it is asked again in
   * time.
   */
  #believe(leader: { nodeId: string; address: string }): boolean {
    const address = this.#addressOf(leader);
    if (this.#distrusted.delete(address)) return false;
    this.#leader = address;
    return true;
  }

  #addressOf({ nodeId, address }: { nodeId: string; address: string }): string {
    for (const [known, id] of this.#ids) if (id === nodeId && nodeId !== '') return known;
    return address;
  }
}
