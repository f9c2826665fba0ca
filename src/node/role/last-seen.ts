import type { Leader } from '../../leader/leader.ts';
import type { Version } from '../../wal/format/position.ts';

/**
 * Last known position of each voter, from when this node led and heard from it: for operators who have to decide
 * without those voters.
 */
export class LastSeen {
  readonly #positions = new Map<string, Version>();

  /** Notes the positions. Called when a leadership ends, and before they are read while it lasts. */
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
