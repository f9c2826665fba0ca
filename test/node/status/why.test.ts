import { describe, expect, test } from 'vitest';
import type { FollowerStatus } from '../../../src/node/api/api.ts';
import { mayNotLead, why } from '../../../src/node/status/why.ts';
import type { WhyFacts } from '../../../src/node/status/why.ts';

const at = (lsn: number): { epoch: number; lsn: number; chain: number } => ({
  epoch: 3,
  lsn,
  chain: 7,
});

/** n1, which leads n2 and n3; all is well. */
function leader(changes: Partial<WhyFacts> = {}): WhyFacts {
  return {
    nodeId: 'n1',
    clusterId: null,
    historyId: null,
    role: 'leader',
    state: 'intact',
    epoch: 3,
    leader: { nodeId: 'n1', address: 'a:1' },
    voters: ['n1', 'n2', 'n3'].map((nodeId) => ({ nodeId, address: 'a:1' })),
    quorum: 2,
    failover: 'manual',
    received: at(45),
    durable: at(45),
    committedLsn: 45,
    applied: { epoch: 3, lsn: 45 },
    promise: { epoch: 3, candidate: 'n1' },
    keys: 1,
    uncommittedBytes: 0,
    leadership: null,
    followers: [follower('n2'), follower('n3')],
    log: { firstLsn: 1, bytes: 100, snapshotLsn: 0, holds: [] },
    notReady: null,
    commitWaits: null,
    warnings: [],
    contract: [],
    uptimeMs: 1,
    counters: {},
    ...changes,
  };
}

function follower(nodeId: string, changes: Partial<FollowerStatus> = {}): FollowerStatus {
  return {
    nodeId,
    voter: true,
    connected: true,
    state: 'intact',
    receivedLsn: 45,
    durableLsn: 45,
    appliedLsn: 45,
    lagLsns: 0,
    lagBytes: 0,
    lagMs: 0,
    reason: null,
    ...changes,
  };
}

function away(nodeId: string): FollowerStatus {
  const reason = { code: 'NOT_CONNECTED', message: 'no session' };
  return follower(nodeId, { connected: false, state: 'unknown', durableLsn: 0, reason });
}

/** n2, which follows n1. */
function followerNode(changes: Partial<WhyFacts> = {}): WhyFacts {
  return leader({ nodeId: 'n2', role: 'follower', followers: [], ...changes });
}

const behind = follower('n2', { durableLsn: 40, lagLsns: 5, lagBytes: 1234, lagMs: 250 });

describe('why', () => {
  test('a leader with all that it needs has nothing to explain', () => {
    expect(why(leader())).toEqual([]);
  });

  test('a disk takes nothing: says so, and who has room', () => {
    const unwritable = { code: 'DISK_FULL', message: 'write of /d/wal/spare.tmp: ENOSPC' };
    const full = (nodeId: string) => follower(nodeId, { unwritable: true });
    const said = (facts: Partial<WhyFacts>) => why(leader({ unwritable, ...facts }));

    expect(said({})).toEqual([
      {
        code: 'DISK_FULL',
        message: `new writes are rejected: ${unwritable.message}; n2 can write: walship switchover --to n2 lets the cluster accept writes`,
      },
    ]);
    expect(said({ followers: [full('n2'), follower('n3')] })[0]?.message).toContain('--to n3');
    expect(said({ followers: [full('n2'), full('n3')] })[0]?.message).toContain(
      'no other connected voter',
    );
    expect(why(followerNode({ unwritable }))[0]?.message).toContain('can write no further than');
  });

  test('a commit waits: names who is missing, who is behind, and by how much', () => {
    const commitWaits = { code: 'IN_FLIGHT', message: 'for 600 ms' };
    const facts = leader({ committedLsn: 40, followers: [behind, away('n3')], commitWaits });

    expect(why(facts)).toEqual([
      {
        code: 'COMMIT_WAITS',
        message:
          'LSN 41 to 45 are not known to be fsynced on 2 voters yet: n1 has fsynced up to LSN 45; ' +
          'n2 has fsynced up to LSN 40, 5 behind, with 1234 bytes to go, for 250 ms; n3 is not connected',
      },
    ]);
  });

  test('a commit that is on its way is no wait', () => {
    expect(why(leader({ committedLsn: 40, followers: [behind, follower('n3')] }))).toEqual([]);
  });

  test('the first commit of a history waits for all voters, and no write is taken before', () => {
    const commitWaits = { code: 'NO_QUORUM', message: '2 voters count, 3 are needed' };
    const facts = leader({
      committedLsn: 0,
      followers: [follower('n2'), away('n3')],
      commitWaits,
    });

    expect(why(facts)).toEqual([
      {
        code: 'WRITES_REJECTED',
        message:
          'new writes are rejected: 2 of 3 voters count, 3 are needed for the first commit: n3 is not connected',
      },
      {
        code: 'COMMIT_WAITS',
        message:
          'LSN 1 to 45 are not known to be fsynced on 3 voters yet: n1 has fsynced up to LSN 45; n2 has fsynced all of it; n3 is not connected',
      },
    ]);
  });

  test('writes are rejected: says how many voters count, and why the others do not', () => {
    const message = 'blank: it counts once it has caught up';
    const blank = follower('n2', { state: 'blank', reason: { code: 'NOT_INTACT', message } });
    const facts = leader({ followers: [blank, away('n3')] });

    expect(why(facts)).toMatchObject([
      {
        code: 'WRITES_REJECTED',
        message:
          'new writes are rejected: 1 of 3 voters count, 2 are needed: ' +
          'n2 does not count: blank: it counts once it has caught up; n3 is not connected',
      },
    ]);
  });

  test('a follower gets a snapshot: the log does not reach back to it', () => {
    const log = { firstLsn: 42, bytes: 100, snapshotLsn: 41, holds: [] };
    const facts = leader({ log, followers: [behind, follower('n3')] });

    expect(why(facts)).toMatchObject([
      {
        code: 'SNAPSHOT_NEEDED',
        message:
          'n2 gets a snapshot instead of the log: it has fsynced up to LSN 40, and the log begins at 42',
      },
    ]);
  });

  test('a follower will get a snapshot: it was away for too long', () => {
    const gone = { ...away('n3'), retention: { bytesLeft: 0, secondsLeft: 0 } };

    expect(why(leader({ followers: [follower('n2'), gone] }))).toMatchObject([
      { code: 'SNAPSHOT_NEEDED' },
    ]);
  });

  test('a node is not ready: as it says itself', () => {
    const notReady = { code: 'NO_LEADER', message: 'no leader was found: n1: not reached' };

    expect(why(followerNode({ leader: null, notReady }))).toEqual([notReady]);
  });

  test.for([
    ['NOT_ELIGIBLE', { nodeId: 'n9' }],
    ['CANDIDATE_SUSPECT', { state: 'suspect' }],
    ['CANDIDATE_BLANK', { state: 'blank' }],
    ['LEADER_LIVES', {}],
    ['BEHIND_COMMIT', { leader: null, durable: at(40) }],
  ] as const)('a node may not lead: %s', ([code, changes]) => {
    const reason = mayNotLead(followerNode(changes));

    expect(reason).toMatchObject({ code });
    expect(reason?.message).toMatch(/^this node may not lead: /);
  });

  test.for([
    ['a leader', leader()],
    ['a follower', followerNode({})],
    ['a learner', followerNode({ nodeId: 'n9' })],
    [
      'a blank voter of a cluster that is not born',
      followerNode({ state: 'blank', epoch: 0, leader: null }),
    ],
  ] as const)('nothing is wrong with %s', ([, facts]) => {
    expect(why(facts)).toEqual([]);
  });

  test.for([
    ['CANDIDATE_SUSPECT', { state: 'suspect' }],
    ['CANDIDATE_BLANK', { state: 'blank' }],
    ['BEHIND_COMMIT', { leader: null, durable: at(40) }],
  ] as const)('a node that is unfit to lead is a fault: %s', ([code, changes]) => {
    expect(why(followerNode(changes))).toMatchObject([{ code }]);
  });

  test('an intact voter without a leader may lead, as far as it knows', () => {
    expect(mayNotLead(followerNode({ leader: null }))).toBeNull();
    expect(mayNotLead(leader())).toBeNull();
  });
});
