import { describe, expect, test } from 'vitest';
import { notReady } from '../../../src/node/status/ready.ts';
import type { ReadyFacts } from '../../../src/node/status/ready.ts';

/** n1, which leads epoch 3 from LSN 41 on; all is applied. */
function leader(changes: Partial<ReadyFacts> = {}): ReadyFacts {
  return {
    nodeId: 'n1',
    failure: undefined,
    rebuilding: false,
    term: { leader: 'n1', epoch: 3, committedLsn: 0 },
    copying: false,
    unwritable: undefined,
    refusals: [],
    committed: { epoch: 3, lsn: 45 },
    applied: { epoch: 3, lsn: 45 },
    voter: true,
    voterCount: 3,
    state: 'intact',
    ...changes,
  };
}

/** n2, which follows n1 since LSN 43 was committed. */
function follower(changes: Partial<ReadyFacts> = {}): ReadyFacts {
  return leader({
    nodeId: 'n2',
    term: { leader: 'n1', epoch: 3, committedLsn: 43 },
    ...changes,
  });
}

describe('a node is ready', () => {
  test('once it has applied its own EPOCH record, or what was committed when it began to follow', () => {
    expect(notReady(leader({ applied: { epoch: 3, lsn: 41 } }))).toBeNull();
    expect(notReady(follower({ applied: { epoch: 3, lsn: 43 } }))).toBeNull();
    expect(notReady(follower({ voter: false, state: 'blank' }))).toBeNull();
  });

  test.for([
    [
      'a leader whose EPOCH record is not committed',
      leader({ committed: { epoch: 2, lsn: 40 }, applied: { epoch: 2, lsn: 40 } }),
      ['NO_QUORUM', 'the EPOCH record of this leadership, epoch 3, is not committed yet'],
    ],
    [
      'a leader whose EPOCH record is committed and not applied',
      leader({ applied: { epoch: 2, lsn: 40 } }),
      [
        'CATCHING_UP',
        'applied up to LSN 40; 45 is committed, and the records of epoch 3 are not applied yet',
      ],
    ],
    [
      'a follower that lacks what was committed when it began to follow',
      follower({ applied: { epoch: 3, lsn: 42 } }),
      ['CATCHING_UP', 'applied up to LSN 42; 43 was committed when this node began to follow n1'],
    ],
    [
      'a follower of a leader that does not know yet what was committed before it',
      follower({
        term: { leader: 'n1', epoch: 3, committedLsn: 39 },
        committed: { epoch: 2, lsn: 39 },
        applied: { epoch: 2, lsn: 39 },
      }),
      ['NO_QUORUM', 'the EPOCH record of the leadership of n1, epoch 3, is not committed yet'],
    ],
    [
      'a node to which a leader sends its state',
      follower({ term: undefined, copying: true }),
      ['CATCHING_UP', 'the leader is sending a snapshot and the log after it'],
    ],
    [
      'a node that found no leader',
      follower({ term: undefined, refusals: ['n1: not reached'] }),
      ['NO_LEADER', 'no leader was found: n1: not reached'],
    ],
    [
      'a node that has asked nobody',
      follower({ term: undefined }),
      ['NO_LEADER', 'no leader was found: no node was asked yet'],
    ],
    [
      'a node whose state is being built',
      follower({ rebuilding: true, applied: { epoch: 3, lsn: 44 } }),
      ['NOT_READY', 'this node is still loading its state, so far up to LSN 44'],
    ],
    [
      'a voter that is not intact',
      follower({ state: 'suspect' }),
      ['NOT_INTACT', 'this node is suspect and is catching up'],
    ],
    [
      'a node that has failed',
      leader({ failure: { code: 'DISK_FAILED', message: 'EIO' } }),
      ['DISK_FAILED', 'EIO'],
    ],
  ] as const)('not yet: %s', ([, facts, [code, message]]) => {
    expect(notReady(facts)).toEqual({ code, message });
  });

  test('not before a new cluster has all of its voters, and says so', () => {
    const alone = { term: undefined, refusals: ['n3: not reached'], state: 'blank' } as const;

    expect(notReady(leader(alone))?.message).toBe(
      'no leader was found: n3: not reached; this node is blank, and a new cluster starts only when all 3 voters answer',
    );
    for (const more of [{ state: 'intact' }, { voter: false }, { voterCount: 1 }] as const) {
      expect(notReady(leader({ ...alone, ...more }))?.message).toBe(
        'no leader was found: n3: not reached',
      );
    }
  });
});
