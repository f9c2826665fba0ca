import type {
  Ack,
  BecameIntact,
  Declined,
  Message,
  ProbeAnswer,
  SnapshotGot,
  SnapshotWant,
} from '../protocol/messages.ts';

/** Messages that a follower sends inside a session. */
export type FromFollower = Ack | ProbeAnswer | BecameIntact | Declined | SnapshotWant | SnapshotGot;

/** Display fields of an ack, before the first ack arrives. */
export const INITIAL_PROGRESS: Pick<Ack, 'receivedLsn' | 'appliedLsn' | 'writable'> = {
  receivedLsn: 0,
  appliedLsn: 0,
  writable: true,
};

/** Returns true if a follower may send this message inside a session. */
export function fromFollower(message: Message): message is FromFollower {
  return ['ack', 'probed', 'is-intact', 'declined', 'want', 'got'].includes(message.kind);
}
