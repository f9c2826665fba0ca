import { comparePositions } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';

/**
 * What one client has written and read: the least that its reads are to show.
 *
 * A write at `local` is kept apart, because a failover may cut it off: then reads say so once, and go on from what is committed.
 */
export class Seen {
  #committed: Version | undefined;
  #local: Version | undefined;

  /** The newest version that is known to be committed. */
  get committed(): Version | undefined {
    return this.#committed;
  }

  /** What a read has to show at least. */
  least(asked?: Version): Version | undefined {
    return newest(newest(this.#committed, this.#local), asked);
  }

  /** Read, or acknowledged at `quorum` or `all`. */
  noteCommitted(version: Version): void {
    if (version.lsn > 0) this.#committed = newest(this.#committed, version);
  }

  noteLocal(version: Version): void {
    this.#local = newest(this.#local, version);
  }

  /** A failover cut off what this client relied on; reads have said so, and begin anew. */
  forget(): void {
    // With a failover that accepted the loss of data, even committed versions may be gone.
    if (this.#local === undefined) this.#committed = undefined;
    this.#local = undefined;
  }
}

function newest(a: Version | undefined, b: Version | undefined): Version | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return comparePositions(a, b) >= 0 ? a : b;
}
