/** Which node to ask next: who is believed to lead, and where reads go. Decides by what it was told; no clock, no I/O. */
export class Route {
  readonly #nodes: readonly string[];
  /** Node ids by address, as they were given or as the nodes named themselves: a leader may be reached at another address than its peers use. */
  readonly #ids: Map<string, string>;
  /** Failed since they last answered; one hint about each is not believed. */
  readonly #distrusted = new Set<string>();
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

  /** The node whose turn it is: it stays the same for as long as it answers. */
  get forReads(): string {
    return this.#nodes[this.#turn % this.#nodes.length] ?? '';
  }

  /** A node said who it is, and whom it follows. */
  met(address: string, nodeId: string, leader: { nodeId: string; address: string } | null): void {
    this.#ids.set(address, nodeId);
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
    if (this.#leader === address) this.#leader = undefined;
    this.#pass(address);
  }

  #pass(address: string): void {
    if (this.forReads === address) this.#turn = (this.#turn + 1) % this.#nodes.length;
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
