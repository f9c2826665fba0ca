import { comparePositions } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';

/**
 * Versions that one client has written and read: the least that its reads must show.
 *
 * A write at `local` is kept apart, because a failover may cut it off: then one read fails, and later ones start from the committed version.
 */
export class Seen {
  #committed: Version | undefined;
  #local: Version | undefined;

  /** Newest version that is known to be committed. */
  get committed(): Version | undefined {
    return this.#committed;
  }

  /** Returns the version that a read has to show at least. */
  least(asked?: Version): Version | undefined {
    return newest(newest(this.#committed, this.#local), asked);
  }

  /** Notes a version that was read, or acknowledged at `quorum` or `all`. */
  noteCommitted(version: Version): void {
    if (version.lsn > 0) this.#committed = newest(this.#committed, version);
  }

  noteLocal(version: Version): void {
    this.#local = newest(this.#local, version);
  }

  /** Starts over after a failover cut off a version that this client relied on; a read has failed with that already. */
  forget(): void {
    // After a failover that accepted data loss, even committed versions may be gone.
    if (this.#local === undefined) this.#committed = undefined;
    this.#local = undefined;
  }
}

function newest(a: Version | undefined, b: Version | undefined): Version | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return comparePositions(a, b) >= 0 ? a : b;
}
