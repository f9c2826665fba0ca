import type { SnapshotTarget } from '../../follower/snapshot-intake.ts';
import { isWalshipError } from '../../errors.ts';
import type { Answer, SnapshotOffer } from '../../protocol/messages.ts';
import { IncomingSnapshot } from '../../wal/snapshot/snapshot-incoming.ts';
import type { Membership } from './membership.ts';
import type { PartialSnapshot } from './partial-snapshot.ts';
import type { Replica } from './replica.ts';
import type { SavedTail } from '../../wal/log.ts';
import { SEGMENT_HEADER_BYTES } from '../../wal/format/limits.ts';
import { refuseWithoutRoom } from '../../wal/files/saved.ts';
import type { LocalAcks } from '../../wal/files/saved.ts';
import { supersededLsn } from '../../wal/format/superseded.ts';
import type { Store } from '../../store/store.ts';
import type { SnapshotVisitor } from '../../wal/snapshot/snapshot-decoder.ts';
import { newStore } from './load-state.ts';
import type { StatePlace } from './load-state.ts';

export interface IncomingParts {
  readonly replica: Replica;
  readonly membership: Membership;
  /** Partial snapshot of an earlier transfer, and the remainder if this one breaks off. */
  readonly partial: PartialSnapshot;
  /** Answers whether any record of the log was acknowledged at `local`. */
  readonly localAcks: LocalAcks;
  /** Called with the saved part of the log. */
  readonly onReplaced: (tail: SavedTail) => void;
}

/**
 * Opens the destination for a snapshot that a leader offers: it arrives in a file of its own, and then replaces log
 * and state.
 * @throws WalshipError SAVED_FULL where saved/ has no space for the replaced log; DISK_FULL, DISK_FAILED; a failed
 * disk stops the node.
 */
export async function openIncoming(
  { replica, membership, partial, localAcks, onReplaced }: IncomingParts,
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
  await guard(askForRoom(replica, answer));
  // The snapshot is loaded while it arrives if memory is free of another state; otherwise after the old state is
  // dropped.
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
      const { committedLsn } = replica;
      const reason = { by, localAcks, committedLsn };
      onReplaced(await guard(replica.loader.install(snapshot, reason, arriving?.store)));
      return undefined;
    },
    close: async () => {
      await incoming.close();
      partial.ended();
    },
  };
}

/**
 * Checks the free space that the end of the transfer will need, as far as it is known before. @throws WalshipError
 * SAVED_FULL, DISK_FAILED.
 */
async function askForRoom(
  { log, committedLsn, meta, place }: Replica,
  answer: Answer,
): Promise<void> {
  const { discarding } = meta.current;
  const ours = discarding ? undefined : log.history.newest?.historyId;
  const fromLsn = supersededLsn(
    { historyId: ours, lastLsn: log.durable.lsn, committedLsn },
    { historyId: answer.historyId ?? undefined, startLsn: answer.at.lsn },
  );
  const bytes = log.bytesAfter(fromLsn);
  if (bytes === 0) return;
  let entries = 1;
  for (let base = 0; ; entries += 1) {
    const segment = log.sealed.after(base);
    if (segment === undefined) break;
    base = segment.header.baseLsn;
    if (segment.last.lsn <= fromLsn) entries -= 1;
  }
  await refuseWithoutRoom(place, { bytes: bytes + entries * SEGMENT_HEADER_BYTES, entries });
}

/** State built from a snapshot while it arrives; valid only once the snapshot is whole. */
class ArrivingState {
  readonly #place: Pick<StatePlace, 'newSeed'>;
  #store: Store | undefined;

  constructor(place: Pick<StatePlace, 'newSeed'>) {
    this.#place = place;
  }

  /** Store being filled; undefined before the first `begin`. */
  get store(): Store | undefined {
    return this.#store;
  }

  /** Starts over with an empty store. */
  begin(): SnapshotVisitor {
    const store = newStore(this.#place);
    this.#store = store;
    return (lsn, key, value) => store.putRange(lsn, key, value);
  }
}
