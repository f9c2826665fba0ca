import type { HelloAnswer } from '../protocol/client-messages.ts';

/** Which node to ask next: who is believed to lead, and where reads go. Decides by what it was told; no clock, no I/O. */
export class Route {
  readonly #nodes: readonly string[];
  /** Node ids by address, as they were given or as the nodes named themselves: a leader may be reached at another address than its peers use. */
  readonly #ids: Map<string, string>;
  /** Failed since they last answered; one hint about each is not believed. */
  readonly #distrusted = new Set<string>();
  /** Said of themselves that they are not ready: reads go to others, as long as none of those fails. */
  readonly #unready = new Set<string>();
  #leader: string | undefined;
  #turn: number;

  /** `start` says which of the nodes comes first; `ids` holds the ids of those that were given with one, by address. */
  constructor(nodes: readonly string[], start: number, ids?: ReadonlyMap<string, string>) {
    this.#nodes = nodes;
    this.#turn = start;
    this.#ids = new Map(ids);
  }

  get count(): number {
    return this.#nodes.length;
  }

  /** Who is believed to lead, else the node whose turn it is. */
  get forLeader(): string {
    return this.#leader ?? this.forReads;
  }

  /** The node whose turn it is, or the next one that may be ready: it stays the same for as long as it answers. */
  get forReads(): string {
    const inTurn = this.#nodeAt(this.#turn);
    if (this.#unready.size === 0) return inTurn;
    for (let step = 0; step < this.#nodes.length; step += 1) {
      const address = this.#nodeAt(this.#turn + step);
      if (!this.#unready.has(address)) return address;
    }
    return inTurn;
  }

  /** True where reads may find a node that is ready at another address. */
  otherMayBeReady(address: string): boolean {
    return this.#nodes.some((other) => other !== address && !this.#unready.has(other));
  }

  /** It answers, and lacks writes that were acknowledged. */
  notReady(address: string): void {
    this.#unready.add(address);
  }

  /** A node said who it is, whom it follows, and whether it is ready. */
  met(
    address: string,
    { nodeId, leader, ready }: Pick<HelloAnswer, 'nodeId' | 'leader' | 'ready'>,
  ): void {
    this.#ids.set(address, nodeId);
    if (ready) this.#unready.delete(address);
    else this.notReady(address);
    if (leader !== null && this.#leader === undefined) this.#believe(leader);
  }

  /** It did as the leader does. */
  led(address: string): void {
    this.#leader = address;
    this.#distrusted.delete(address);
  }

  /** A read was answered. */
  worked(address: string): void {
    this.#distrusted.delete(address);
  }

  /** The node does not lead; who does, if it knows. */
  redirected(from: string, leader: { nodeId: string; address: string } | null): void {
    if (this.#leader === from) this.#leader = undefined;
    if (leader !== null && this.#addressOf(leader) !== from && this.#believe(leader)) return;
    this.#pass(from);
  }

  /** It did not answer, or cannot serve: the next one's turn. Of several calls that failed at one node only the first counts. */
  failed(address: string): void {
    this.#distrusted.add(address);
    // A node that was not ready is better than none, and may be ready now.
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

  /** False where the leader so named has just failed: the next hint is believed, so that it is asked again in time. */
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
