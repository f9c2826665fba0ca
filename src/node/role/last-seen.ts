import type { Leader } from '../../leader/leader.ts';
import type { Version } from '../../wal/format/position.ts';

/** How far each voter was, when this node last led and heard of it: for those who have to decide without them. */
export class LastSeen {
  readonly #positions = new Map<string, Version>();

  /** To be called when a leadership ends, and to look at one that goes on. */
  note({ sessions, gone }: Leader): void {
    for (const [nodeId, position] of gone) this.#positions.set(nodeId, position);
    for (const { nodeId, voter, durable } of sessions) {
      if (voter && durable !== undefined) this.#positions.set(nodeId, durable);
    }
  }

  get positions(): ReadonlyMap<string, Version> {
    return this.#positions;
  }
}
