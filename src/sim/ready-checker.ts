/**
 * Judges reports of readiness: a ready node has applied everything that was acknowledged before it began to lead or
 * to follow.
 */
import type { NodeStatus } from '../node/api/api.ts';
import type { Version } from '../wal/format/position.ts';
import { SimViolation } from './golden-log.ts';

/** Newest version that was acknowledged when a node began. */
interface Owed {
  /** Version owed by a follower: the newest one when it said hello. */
  follower?: Version;
  /** Version owed by a leader: the newest one when it was last seen without a leader. */
  leader?: Version;
}

export class ReadyChecker {
  /** Obligations by run of a node. */
  readonly #owed = new Map<string, Owed>();

  /** Notes a hello. @param acked the newest version that was acknowledged so far. */
  saysHello(who: string, acked: Version): void {
    this.#of(who).follower = acked;
  }

  /** Checks a status. @throws SimViolation where the node is ready too early. */
  observe(who: string, status: NodeStatus, acked: Version): void {
    const { role, leader, notReady, applied, epoch } = status;
    const all = this.#of(who);
    if (leader === null) all.leader = acked;
    if (notReady !== null || (role !== 'leader' && role !== 'follower')) return;
    const owed = all[role];
    // A deposed leader that has not heard of it cannot know the acknowledgements of its successor.
    if (owed === undefined || owed.epoch > epoch || applied.lsn >= owed.lsn) return;
    throw new SimViolation(
      `${who} is ready at ${applied.epoch}.${applied.lsn}, and ${owed.epoch}.${owed.lsn} was acknowledged before it began`,
    );
  }

  #of(who: string): Owed {
    const known = this.#owed.get(who) ?? {};
    this.#owed.set(who, known);
    return known;
  }
}
