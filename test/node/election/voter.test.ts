/**
 * Goal: what a voter grants is true when the answer leaves, and stays true (traces A1, A2).
 * Method: a real log on a simulated disk, with a write in flight or a power cut at the worst moment.
 */
import { describe, expect, test } from 'vitest';
import { configHash as hashOf } from '../../../src/protocol/config-hash.ts';
import { Voter } from '../../../src/node/election/voter.ts';
import type { Ask } from '../../../src/protocol/messages.ts';
import { append, ID, withBlankReplica, withReplica } from '../replica-fixture.ts';
import type { Stage } from '../replica-fixture.ts';

const PROMISE = { epoch: 2, candidate: 'n2', attempt: 'a'.repeat(32) };

function voterOf({ replica, clock }: Stage): Voter {
  return new Voter({
    replica,
    clock,
    run: ID,
    membership: { configHash: ID, voters: ['n1', 'n2', 'n3'] },
    liveness: () => ({
      heardLeaderRecently: false,
      leaderId: null,
      justStarted: false,
      leading: false,
    }),
    onPromised: () => undefined,
    onEvent: () => undefined,
  });
}

/** Asked by n2, which has what is durable here now. */
function askOf({ replica }: Stage, round: Ask['round']): Ask {
  return {
    kind: 'ask',
    protocol: 1,
    round,
    ...PROMISE,
    run: ID,
    position: replica.log.durable,
    clusterId: ID,
    historyId: ID,
    configHash: ID,
    forced: null,
    operator: false,
  };
}

describe('a voter that is asked for real', () => {
  test('fences in that very turn', () =>
    withReplica(async (stage) => {
      const answer = voterOf(stage).answer(askOf(stage, 'real'));

      expect(stage.replica.fence).toBe(2);
      expect(await answer).toMatchObject({ granted: true, position: { lsn: 1 } });
    }));

  test('compares with what was in flight at that moment', () =>
    withReplica(async (stage) => {
      const ask = askOf(stage, 'real');
      append(stage.replica);
      const answer = await voterOf(stage).answer(ask);

      expect(answer).toMatchObject({ granted: false, code: 'VOTER_AHEAD', position: { lsn: 2 } });
    }));

  test('grants only what a power cut leaves', () =>
    withReplica(async (stage) => {
      const { granted } = await voterOf(stage).answer(askOf(stage, 'real'));
      stage.disk.losePower();

      expect(granted).toBe(true);
      expect((await stage.reopen()).meta.current.promise).toEqual(PROMISE);
    }));
});

test('a voter that is asked dry fences and promises nothing', () =>
  withReplica(async (stage) => {
    const answer = await voterOf(stage).answer(askOf(stage, 'dry'));

    expect(answer.granted).toBe(true);
    expect(stage.replica.fence).toBeLessThan(2);
    expect(stage.replica.meta.current.promise.candidate).toBeNull();
  }));

test('a voter confirms the promise that it holds, and no other one', () =>
  withReplica(async (stage) => {
    const voter = voterOf(stage);
    const confirm = askOf(stage, 'confirm');
    expect(await voter.answer(confirm)).toMatchObject({ granted: false, code: 'STALE_EPOCH' });
    await voter.answer(askOf(stage, 'real'));

    expect(await voter.answer(confirm)).toMatchObject({ granted: true });
    const other = { ...confirm, attempt: 'b'.repeat(32) };
    expect(await voter.answer(other)).toMatchObject({ granted: false, code: 'STALE_EPOCH' });
  }));

test('a voter on its way to another history promises nothing in the old one, and never less than it did', () =>
  withReplica(async (stage) => {
    const { replica, disk } = stage;
    const voter = voterOf(stage);
    const forced = { voters: ['n1', 'n2'], quorum: 2 };
    const old = askOf(stage, 'real');
    await voter.answer({ ...old, forced });
    const history = { historyId: PROMISE.attempt, configHash: hashOf(forced.voters, 2) };
    const rival = { ...old, epoch: 4, attempt: 'e'.repeat(32) };
    let rivals: ReturnType<Voter['answer']> | undefined;
    disk.onOperation = ({ path }) => {
      if (path.includes('meta.json')) rivals ??= voter.answer(rival);
      return undefined;
    };
    const ask = { ...old, ...history, epoch: 3, attempt: 'd'.repeat(32) };
    const first = await voter.answer(ask);
    const second = await rivals;
    await replica.updateMeta({});

    expect(first.granted).toBe(true);
    expect(second).toMatchObject({ granted: false, code: 'WRONG_CLUSTER' });
    expect(replica.fence).toBe(replica.meta.current.promise.epoch);
  }));

test('a voter that enters a forced history writes no promise over a later one that was made meanwhile', () =>
  withReplica(async (stage) => {
    const { replica, disk } = stage;
    const voter = voterOf(stage);
    const forced = { voters: ['n1', 'n2'], quorum: 2 };
    const old = askOf(stage, 'real');
    await voter.answer({ ...old, forced });
    const history = { historyId: PROMISE.attempt, configHash: hashOf(forced.voters, 2) };
    let later: Promise<boolean> | undefined;
    disk.onOperation = ({ path }) => {
      if (path.includes('meta.json')) later ??= replica.promiseToFollow(9);
      return undefined;
    };
    const ask = { ...old, ...history, epoch: 3, attempt: 'd'.repeat(32) };
    const answer = await voter.answer(ask);
    await later;
    await replica.updateMeta({});

    expect(answer).toMatchObject({ granted: false, code: 'STALE_EPOCH' });
    expect(replica.meta.current.promise.epoch).toBe(9);
  }));

describe('a blank voter', () => {
  const empty = { position: { epoch: 0, lsn: 0, chain: 0 } };

  test('remembers the birth that it confirmed, through later promises and power cuts', () =>
    withBlankReplica(async (stage) => {
      const voter = voterOf(stage);
      const birth = { ...askOf(stage, 'real'), ...empty };
      expect(await voter.answer(birth)).toMatchObject({ granted: true, birth: null });
      const confirmed = await voter.answer({ ...birth, round: 'confirm' });
      expect(confirmed).toMatchObject({ granted: true, birth: PROMISE });
      const later = { epoch: 9, attempt: 'd'.repeat(32) };
      const ask = { ...askOf(stage, 'real'), ...later, position: { epoch: 2, lsn: 1, chain: 1 } };
      expect(await voter.answer(ask)).toMatchObject({ granted: true, birth: PROMISE });
      await voter.answer({ ...ask, round: 'confirm' });
      stage.disk.losePower();

      const { promise, birth: kept } = (await stage.reopen()).meta.current;
      expect([promise.epoch, kept]).toEqual([9, PROMISE]);
    }));

  test('remembers no birth that it did not confirm', () =>
    withBlankReplica(async (stage) => {
      const voter = voterOf(stage);
      await voter.answer({ ...askOf(stage, 'real'), ...empty });
      const other = { ...askOf(stage, 'confirm'), ...empty, attempt: 'b'.repeat(32) };

      expect(await voter.answer(other)).toMatchObject({ granted: false, birth: null });
    }));

  test('forgets its birth when it becomes intact', () =>
    withBlankReplica(async (stage) => {
      const voter = voterOf(stage);
      for (const round of ['real', 'confirm'] as const) {
        await voter.answer({ ...askOf(stage, round), ...empty });
      }
      await stage.replica.updateMeta({ state: 'intact' });

      expect(stage.replica.meta.current.birth).toBeNull();
    }));
});
