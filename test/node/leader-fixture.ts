import { Leader } from '../../src/leader/leader.ts';
import type { LeaderHooks, LeaderOptions } from '../../src/leader/leader-options.ts';
import type { Replica } from '../../src/node/replica/replica.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { ID } from './replica-fixture.ts';

interface Changes extends Partial<Omit<LeaderOptions, 'hooks'>> {
  readonly hooks?: Partial<LeaderHooks>;
}

/** A leader of the last epoch that `replica` began, the only voter unless `changes` say so; it commits what is durable. */
export function leaderOf(replica: Replica, clock: Clock, changes: Changes = {}): Leader {
  const last = replica.log.history.newest;
  if (last === undefined) throw new Error('no epoch has begun');
  return new Leader({
    log: replica.log,
    clock,
    nodeId: replica.nodeId,
    clusterId: ID,
    historyId: ID,
    epoch: last.epoch,
    attempt: ID,
    ownEpochLsn: last.firstLsn,
    voters: [replica.nodeId],
    quorum: 1,
    proofVoters: 1,
    configHash: ID,
    retainBytesMax: 1,
    allConfirmed: false,
    heartbeatMs: 100,
    silenceMs: 1_000,
    ...changes,
    hooks: {
      state: () => replica.state,
      committedLsn: () => replica.committedLsn,
      commit: (lsn) => replica.learnCommitted(lsn),
      progressed: () => undefined,
      offer: () => Promise.resolve(undefined),
      refused: () => undefined,
      identityAt: () => Promise.resolve(undefined),
      ended: () => undefined,
      warn: () => undefined,
      fault: () => undefined,
      ...changes.hooks,
    },
  });
}
