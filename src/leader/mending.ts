import type { Probed } from './probes.ts';
import { probeReached } from './probes.ts';

/** State of a suspect or blank voter in session that does not count yet. */
interface Mending {
  readonly nodeId: string;
  /** Number of the first probe sent after its hello: answers of other voters count from it on. */
  readonly probe: number;
  /** The leader's last LSN when that probe was answered; undefined before. */
  targetLsn: number | undefined;
}

/**
 * Suspect and blank voters on their way to intact. Each needs, after its hello, a probe answered by enough *other* voters that are
 * not blank: so that the leader it catches up with is not a deposed one. Then it has to be durable up to the leader's last LSN of
 * that moment. A voter whose promise was among those that all N confirmed to this very attempt needs no probe.
 */
export class MendingVoters<S extends { readonly nodeId: string }> {
  readonly #mending = new Map<S, Mending>();

  /**
   * Adds a voter. `probe` is the number of the next probe; undefined where none is needed, and then `lastLsn` is the
   * target immediately.
   */
  add(
    session: S,
    { probe, lastLsn }: { readonly probe: number | undefined; readonly lastLsn: number },
  ): void {
    const { nodeId } = session;
    const targetLsn = probe === undefined ? lastLsn : undefined;
    this.#mending.set(session, { nodeId, probe: probe ?? 0, targetLsn });
  }

  /** True if a voter has no target yet, because its probe has not been answered. */
  get waiting(): boolean {
    return [...this.#mending.values()].some(({ targetLsn }) => targetLsn === undefined);
  }

  remove(session: S): void {
    this.#mending.delete(session);
  }

  clear(): void {
    this.#mending.clear();
  }

  /** Handles an answered probe: returns the voters for which it is enough and which have their target now. */
  probed(options: {
    readonly voters: readonly Probed[];
    readonly needed: number;
    readonly lastLsn: number;
  }): readonly S[] {
    const ready: S[] = [];
    for (const [session, mending] of this.#mending) {
      if (mending.targetLsn !== undefined) continue;
      const { voters, needed, lastLsn } = options;
      if (probeReached({ voters, needed, except: mending.nodeId }) < mending.probe) continue;
      mending.targetLsn = lastLsn;
      ready.push(session);
    }
    return ready;
  }

  /**
   * Returns the LSN that `session` has to be durable up to; undefined where it is not known yet or nothing is
   * missing.
   */
  targetOf(session: S): number | undefined {
    return this.#mending.get(session)?.targetLsn;
  }
}
