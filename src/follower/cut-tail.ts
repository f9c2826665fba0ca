import type { Answer } from '../protocol/messages.ts';
import type { FollowerHost } from './host.ts';

/** Result of a leader's order to cut. */
export type TailCut =
  | { readonly kind: 'cut' }
  /** The session ended while the log was read. */
  | { readonly kind: 'overtaken' }
  /** The tail must not be cut: an operator has to look. */
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Saves and cuts the records that the leader of `answer` does not have; durable when it resolves with `cut`. Never
 * cuts below this node's known commit LSN, unless an operator said so, and only if both logs are the same up to the
 * cut.
 */
export async function cutTail(
  host: FollowerHost,
  answer: Pick<Answer, 'at' | 'leader' | 'epoch'>,
  current: () => boolean,
): Promise<TailCut> {
  const { log, committedLsn } = host;
  const { at, epoch } = answer;
  const leader = answer.leader ?? 'the leader';
  const { lsn } = log.durable;
  if (at.lsn < committedLsn && !host.discarding) {
    const message = `a leader asks to cut LSN ${at.lsn + 1} to ${lsn}, but LSN ${committedLsn} and below are committed`;
    return { kind: 'refused', message };
  }
  const ours = await log.chainAt(at.lsn);
  if (!current()) return { kind: 'overtaken' };
  if (ours === undefined || ours.chain !== at.chain) {
    const message = `the logs differ at LSN ${at.lsn}, where their histories agree`;
    return { kind: 'refused', message };
  }
  const localAcks = host.localAcksAbove(at.lsn);
  const fork = `${leader} of epoch ${epoch} has another log above LSN ${at.lsn}`;
  const why = host.discarding ? `${fork}, and this node was told to leave its history` : fork;
  const by = host.discarding ? 'operator' : leader;
  const saved = await log.truncate(ours, { why, by, localAcks, committedLsn });
  if (saved === undefined) return { kind: 'cut' };
  host.cut({ ...saved, localAcks, why });
  return { kind: 'cut' };
}
