import type {
  Ack,
  BecameIntact,
  Declined,
  Message,
  ProbeAnswer,
  SnapshotGot,
  SnapshotWant,
} from '../protocol/messages.ts';

/** What a follower says inside of a session. */
export type FromFollower = Ack | ProbeAnswer | BecameIntact | Declined | SnapshotWant | SnapshotGot;

/** What an ack says for people, before the first one. */
export const NOTHING_TOLD: Pick<Ack, 'receivedLsn' | 'appliedLsn' | 'writable'> = {
  receivedLsn: 0,
  appliedLsn: 0,
  writable: true,
};

/** Whether a follower may say it inside of a session. */
export function fromFollower(message: Message): message is FromFollower {
  return ['ack', 'probed', 'is-intact', 'declined', 'want', 'got'].includes(message.kind);
}
