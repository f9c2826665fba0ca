import type { SnapshotTarget } from '../follower/snapshot-intake.ts';
import { isWalshipError } from '../errors.ts';
import type { Answer, SnapshotOffer } from '../protocol/messages.ts';
import { IncomingSnapshot } from '../wal/snapshot-incoming.ts';
import { ArrivingState } from './arriving-state.ts';
import type { Membership } from './membership.ts';
import type { PartialSnapshot } from './partial-snapshot.ts';
import type { Replica } from './replica.ts';
import type { SavedTail } from '../wal/log.ts';

export interface IncomingParts {
  readonly replica: Replica;
  readonly membership: Membership;
  /** What came of it before, and what is left where it breaks off again. */
  readonly partial: PartialSnapshot;
  /** The log that was put aside for it. */
  readonly onReplaced: (tail: SavedTail) => void;
}

/**
 * Where a snapshot goes that a leader offers: into a file of its own while it comes, and then it takes the place of log and state.
 * @throws WalshipError DISK_FULL, DISK_FAILED; a failed disk stops the node.
 */
export async function openIncoming(
  { replica, membership, partial, onReplaced }: IncomingParts,
  { digest, bytes }: SnapshotOffer,
  answer: Answer,
): Promise<SnapshotTarget> {
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (isWalshipError(error, 'DISK_FAILED')) replica.fail(error);
      throw error;
    }
  };
  const { disk, clock, dir } = replica.place;
  // It is loaded as it comes where nothing else takes that memory; else once what is there has gone.
  const arriving = replica.store.count === 0 ? new ArrivingState(replica.place) : undefined;
  await partial.arriving();
  const incoming = await guard(
    IncomingSnapshot.open({
      disk,
      clock,
      dir,
      digest,
      bytes,
      ...(arriving && { begin: () => arriving.begin() }),
    }),
  ).catch((error: unknown) => {
    partial.ended();
    throw error;
  });
  return {
    get offset() {
      return incoming.offset;
    },
    add: (piece) => guard(incoming.add(piece)),
    install: async () => {
      const { clusterId, historyId, at } = answer;
      if (clusterId === null || historyId === null) return 'an answer without the cluster id';
      const { peers, quorums } = membership;
      if (replica.meta.current.clusterId === null) {
        const voters = peers.map(({ nodeId }) => nodeId);
        await replica.updateMeta({ clusterId, historyId, voters, quorum: quorums.quorum });
      }
      const snapshot = await guard(incoming.finish({ clusterId, start: at }));
      if (typeof snapshot === 'string') return snapshot;
      const by = replica.meta.current.discarding ? 'operator' : (answer.leader ?? 'the leader');
      onReplaced(await guard(replica.loader.install(snapshot, by, arriving?.store)));
      return undefined;
    },
    close: async () => {
      await incoming.close();
      partial.ended();
    },
  };
}
