import type { FollowerHost } from '../follower/follower.ts';
import { WalshipError } from '../errors.ts';
import type { LocalAcks } from '../wal/saved.ts';
import type { LifeOptions } from './life-options.ts';

const LOCAL_ACKS: Readonly<Record<LocalAcks, string>> = {
  yes: 'some of them had been acknowledged at local',
  no: 'none of them had been acknowledged at local',
  unknown: 'whether any had been acknowledged at local is not known any more',
};

/** What a follower session sees of its node. */
export function followerHost(
  { replica, clock, membership, onEvent }: LifeOptions,
  { following, takeOver }: Pick<FollowerHost, 'following' | 'takeOver'>,
): FollowerHost {
  return {
    log: replica.log,
    clock,
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
    promiseToFollow: (epoch) => replica.promiseToFollow(epoch),
    begin: async ({ clusterId, historyId }) => {
      const { peers, quorums } = membership;
      const voters = peers.map(({ nodeId }) => nodeId);
      await replica.updateMeta({ clusterId, historyId, voters, quorum: quorums.quorum });
      await replica.log.begin({ clusterId, historyId });
    },
    setVerified: (lsn) => replica.setVerified(lsn),
    learnCommitted: (lsn) => replica.learnCommitted(lsn),
    saveState: (state, claim) => replica.updateMeta({ state, claim }),
    durableMoved: () => replica.durableMoved(),
    localAcksAbove: (lsn) => replica.localAcks.above(lsn, replica.log.epochs),
    cut: ({ fromLsn, toLsn, localAcks, why, names }) => {
      replica.localAcks.cut(fromLsn - 1);
      const records = toLsn - fromLsn + 1;
      const told = LOCAL_ACKS[localAcks];
      const message = `${records} records, LSN ${fromLsn} to ${toLsn}, were saved and cut: ${why}; ${told}`;
      const details = { records, fromLsn, toLsn, localAcks, saved: names };
      onEvent({ level: 'warn', code: 'TRUNCATED', message, ...details });
    },
    following,
    takeOver,
    alarm: (code, message, halt) => {
      if (halt) replica.fail(new WalshipError(code, message));
      else onEvent({ level: 'error', code, message });
    },
    info: (code, message) => onEvent({ level: 'warn', code, message }),
  };
}
