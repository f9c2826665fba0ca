import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../../src/errors.ts';
import { judgeForGood, judgeVersion } from '../../../src/node/requests/versions.ts';
import { ReadPath } from '../../../src/node/requests/read-path.ts';
import type { EpochEntry } from '../../../src/wal/format/position.ts';
import { ID, withReplica } from '../replica-fixture.ts';

const VOTERS = ['n1', 'n2', 'n3'];
const entry = (epoch: number, firstLsn: number): EpochEntry => ({
  epoch,
  firstLsn,
  leader: 'n1',
  historyId: ID,
  voters: VOTERS,
  quorum: 2,
});
/** Epoch 2 wrote 1 to 19, epoch 5 everything from 20 on. */
const HISTORY = [entry(2, 1), entry(5, 20)];

describe('judgeVersion, by all of a log', () => {
  test.for([
    ['2.19', { epoch: 2, lsn: 19 }, 'current'],
    ['2.20', { epoch: 2, lsn: 20 }, 'replaced'],
    ['3.20', { epoch: 3, lsn: 20 }, 'replaced'],
    ['5.99', { epoch: 5, lsn: 99 }, 'current'],
    ['6.1', { epoch: 6, lsn: 1 }, 'current'],
    ['0.0', { epoch: 0, lsn: 0 }, 'current'],
  ] as const)('%s', ([, version, kind]) => {
    expect(judgeVersion(HISTORY, version).kind).toBe(kind);
  });
});

describe('where leaderships are forgotten', () => {
  /** Epoch 2 wrote 1 to 9, nobody knows who 10 to 19, epoch 5 everything from 20 on. */
  const holed = [entry(2, 1), { epoch: null, leader: null, firstLsn: 10 }, entry(5, 20)] as const;

  test.for([
    ['2.9', { epoch: 2, lsn: 9 }, 'current'],
    ['3.12', { epoch: 3, lsn: 12 }, 'forgotten'],
    ['2.12', { epoch: 2, lsn: 12 }, 'forgotten'],
    ['3.9', { epoch: 3, lsn: 9 }, 'replaced'],
    ['3.25', { epoch: 3, lsn: 25 }, 'replaced'],
    ['5.25', { epoch: 5, lsn: 25 }, 'current'],
  ] as const)('$0 is $2', ([, version, kind]) => {
    expect(judgeVersion(holed, version).kind).toBe(kind);
    expect(judgeForGood(holed, version, 30).kind).toBe(kind);
  });
});

describe('judgeForGood, by what is committed', () => {
  test.for([
    [
      'a version below the commit, of the epoch that wrote it',
      { epoch: 2, lsn: 19 },
      25,
      'current',
    ],
    ['a version below the commit, of an older epoch', { epoch: 2, lsn: 20 }, 25, 'replaced'],
    ['a version below the commit, of a newer epoch', { epoch: 7, lsn: 10 }, 25, 'replaced'],
    [
      'a version above the commit, of an epoch older than it',
      { epoch: 2, lsn: 30 },
      25,
      'replaced',
    ],
    ['a version above the commit, of its epoch', { epoch: 5, lsn: 30 }, 25, 'current'],
    ['a version above the commit, of a newer epoch', { epoch: 6, lsn: 30 }, 25, 'current'],
    ['a version that only an uncommitted epoch replaces', { epoch: 2, lsn: 20 }, 19, 'current'],
    ['a version whose place nothing committed reaches', { epoch: 3, lsn: 10 }, 9, 'current'],
    ['the first uncommitted one', { epoch: 5, lsn: 20 }, 19, 'current'],
    ['no version', { epoch: 0, lsn: 0 }, 25, 'current'],
  ] as const)('%s is judged', ([, version, committedLsn, kind]) => {
    expect(judgeForGood(HISTORY, version, committedLsn).kind).toBe(kind);
  });
});

describe('waiting for a version', () => {
  test('a leadership that never committed does not say that a version is gone', () =>
    withReplica(async ({ replica, clock, world }) => {
      const reads = new ReadPath(replica, clock);
      replica.onCommitted(() => reads.moved());
      const lost = { epoch: 1, lsn: replica.log.last.lsn + 1 };
      replica.log.stopLeading();
      const { leader, historyId, voters, quorum } = entry(2, lost.lsn);
      replica.log.lead({ epoch: 2, leader, historyId, voters, quorum }, () => ({
        commitLsn: 0,
        wallMs: 1,
      }));
      await replica.log.drained();
      const codes: string[] = [];
      const ask = async (): Promise<void> => {
        const waiting = reads.wait({ version: lost, level: 'durable', timeoutMs: 100 });
        const told = waiting.catch((error: unknown) => {
          codes.push(isWalshipError(error) ? error.code : String(error));
        });
        await world.pass(200);
        reads.expire();
        await told;
      };

      await ask();
      replica.learnCommitted(lost.lsn);
      await ask();

      expect(codes).toEqual(['WAIT_TIMEOUT', 'LSN_REPLACED']);
    }));
});
