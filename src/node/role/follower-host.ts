import type { FollowerHost } from '../../follower/host.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import type { SavedTail } from '../../wal/log.ts';
import type { LocalAcks } from '../../wal/files/saved.ts';
import { entryInto } from '../election/forced.ts';
import { openIncoming } from '../replica/incoming.ts';
import type { Answer } from '../../protocol/messages.ts';
import type { RoleOptions } from '../election/role-options.ts';
import type { Replica } from '../replica/replica.ts';

const LOCAL_ACKS: Readonly<Record<LocalAcks, string>> = {
  yes: 'some of them had been acknowledged at local',
  no: 'none of them had been acknowledged at local',
  unknown: 'it is no longer known whether any had been acknowledged at local',
};

/** Creates the view of this node that a follower session has. */
export function followerHost(
  { replica, clock, membership, snapshots, onEvent }: RoleOptions,
  hooks: Pick<FollowerHost, 'following' | 'takeOver'> & {
    /** Returns true while an operator wants this node to leave its history. */
    readonly leaves: () => boolean;
  },
): FollowerHost {
  return {
    log: replica.log,
    clock,
    turns: replica.place.turns,
    get fence() {
      return replica.fence;
    },
    get committedLsn() {
      return replica.committedLsn;
    },
    get appliedLsn() {
      return replica.appliedLsn;
    },
    get state() {
      return replica.state;
    },
    get discarding() {
      return replica.meta.current.discarding;
    },
    enter: (answer) => enterHistory({ replica, onEvent }, answer, hooks.leaves()),
    promiseToFollow: (epoch) => replica.promiseToFollow(epoch),
    openSnapshot: (offer, answer) => {
      const localAcks = replica.localAcks.above(0, replica.log.epochs);
      const onReplaced = (tail: SavedTail): void => {
        // By the ordinary rules, the removed records are in the snapshot; those of another history are not.
        if (!replica.meta.current.discarding || tail.names.length === 0) return;
        tellCut({ replica, onEvent }, { ...tail, localAcks, why: answer.message });
      };
      const { partial } = snapshots;
      const parts = { replica, membership, partial, localAcks, onReplaced };
      return openIncoming(parts, offer, answer);
    },
    begin: async ({ clusterId, historyId }) => {
      const { peers, quorums } = membership;
      const voters = peers.map(({ nodeId }) => nodeId);
      await replica.updateMeta({ clusterId, historyId, voters, quorum: quorums.quorum });
      await replica.log.begin({ clusterId, historyId });
    },
    setMatched: (lsn) => replica.setMatched(lsn),
    learnCommitted: (lsn) => replica.learnCommitted(lsn),
    saveState: (state, claim) => replica.updateMeta({ state, claim }),
    durableMoved: () => replica.durableMoved(),
    localAcksAbove: (lsn) => replica.localAcks.above(lsn, replica.log.epochs),
    cut: (tail) => tellCut({ replica, onEvent }, tail),
    following: (leader, epoch) => {
      hooks.following(leader, epoch);
      snapshots.partial.superseded();
      // Once its log equals the leader's, it is a follower like any other.
      if (replica.meta.current.discarding) {
        replica.arrived().catch((error: unknown) => stateLost(replica, error));
      }
    },
    takeOver: () => hooks.takeOver(),
    alarm: (code, message, halt) => {
      if (halt) replica.fail(new WalshipError(code, message));
      else onEvent({ level: 'error', code, message });
    },
    info: (code, message) => onEvent({ level: 'warn', code, message }),
  };
}

function tellCut(
  { replica, onEvent }: Pick<RoleOptions, 'replica' | 'onEvent'>,
  tail: Parameters<FollowerHost['cut']>[0],
): void {
  const { fromLsn, toLsn, localAcks, why, names } = tail;
  replica.cut(tail);
  const records = toLsn - fromLsn + 1;
  const told = LOCAL_ACKS[localAcks];
  const message = `${records} records, LSN ${fromLsn} to ${toLsn}, were saved and cut: ${why}; ${told}`;
  const details = { records, fromLsn, toLsn, localAcks, saved: names };
  onEvent({ level: 'warn', code: 'TRUNCATED', message, ...details });
}

async function enterHistory(
  { replica, onEvent }: Pick<RoleOptions, 'replica' | 'onEvent'>,
  answer: Answer,
  leaves: boolean,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  if (replica.leaving) {
    return { code: 'WRONG_CLUSTER', message: 'this node is about to enter another history' };
  }
  const entry = entryInto(replica.meta.current, answer, leaves);
  if (entry.kind === 'same') return undefined;
  if (entry.kind === 'refuse') return entry;
  const { historyId } = replica.meta.current;
  await replica.enterHistory(entry.patch);
  const message = `this node left history ${historyId} for ${answer.historyId}`;
  onEvent({ level: 'warn', code: 'HISTORY_ENTERED', message });
  return undefined;
}

/** Fails the node: without its state a node shows nothing; the next start begins from the disk. */
function stateLost(replica: Replica, cause: unknown): void {
  if (isWalshipError(cause, 'NODE_CLOSED')) return;
  const message = 'the state was not built';
  replica.fail(isWalshipError(cause) ? cause : new WalshipError('DISK_FAILED', message, { cause }));
}
