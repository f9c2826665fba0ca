import { describe, expect, test } from 'vitest';
import {
  asExpected,
  carryOut,
  isDone,
  isSettled,
  NOBODY_LEADS,
  readAnswer,
  requestsOf,
} from '../../../src/drill/run/orders.ts';
import { statusOf } from '../statuses.ts';

const urlOf = (nodeId: string): string => `http://${nodeId}`;

describe('an order', () => {
  test('to hand over is asked of the leader, or of nobody', () => {
    const order = { kind: 'switchover', to: 'n2', timeoutMs: 50, expect: 'done' } as const;

    expect(requestsOf(order, { urlOf, leaderUrl: 'http://n1' })).toEqual([
      {
        method: 'POST',
        url: 'http://n1/v1/admin/switchover',
        body: { to: 'n2', timeoutMs: 50 },
      },
    ]);
    expect(requestsOf(order, { urlOf, leaderUrl: undefined })).toBeUndefined();
  });

  test('to go on alone is asked of who is to', () => {
    const order = { kind: 'failover', node: 'n3', acceptDataLoss: true, expect: 'done' } as const;

    expect(requestsOf(order, { urlOf, leaderUrl: undefined })).toEqual([
      {
        method: 'POST',
        url: 'http://n3/v1/admin/failover',
        body: { acceptDataLoss: true },
      },
    ]);
  });

  test('of several requests is answered by the first that fails', async () => {
    const order = { kind: 'probe', node: 'n1', expect: 'done' } as const;
    const requests = requestsOf(order, { urlOf, leaderUrl: undefined });
    const asked: string[] = [];
    const askWith = async (statusAt: string): ReturnType<typeof carryOut> =>
      await carryOut(requests, async ({ url }) => {
        asked.push(url);
        const notReady = { ok: false, reason: { code: 'NO_LEADER', message: 'nobody leads' } };
        return await Promise.resolve(
          url.endsWith(statusAt) ? { status: 503, body: notReady } : { status: 200, body: {} },
        );
      });

    expect(await askWith('/readyz')).toMatchObject({ ok: false, code: 'NO_LEADER' });
    expect(asked).toEqual(['http://n1/livez', 'http://n1/readyz']);
    expect(await askWith('/nowhere')).toMatchObject({ ok: true });
    expect(asked.slice(2)).toHaveLength(4);
  });

  test('to answer health checks is not repeated until it is done', () => {
    const refused = readAnswer({ status: 503, body: { error: { code: 'BUSY', message: 'x' } } });

    expect(isSettled({ kind: 'probe', expect: 'done' }, refused)).toBe(true);
    expect(isSettled({ kind: 'read', expect: 'done' }, refused)).toBe(false);
  });

  test('to read is not done by a node that holds nothing', () => {
    const page = (entries: readonly object[]): ReturnType<typeof readAnswer> =>
      readAnswer({ status: 200, body: { entries, next: null } });

    expect(page([{}]).ok).toBe(true);
    expect(page([])).toMatchObject({ ok: false, code: 'EMPTY' });
  });

  test('is done where it has come true, whatever was answered', () => {
    const order = { kind: 'promote', node: 'n2', expect: 'done' } as const;
    const leader = statusOf('n2', { role: 'leader' });

    expect(isDone(order, [statusOf('n1'), leader])).toBe(true);
    expect(isDone(order, [statusOf('n1', { role: 'leader' }), leader])).toBe(false);
    const rejoin = { kind: 'rejoin', node: 'n1', discard: true, expect: 'done' } as const;
    expect(isDone(rejoin, [statusOf('n1'), leader])).toBe(true);
    expect(isDone(rejoin, [statusOf('n1', { historyId: 'old' }), leader])).toBe(false);
    expect(isDone({ kind: 'snapshot', node: 'n2', expect: 'done' }, [leader])).toBe(false);
  });
});

describe('an answer', () => {
  test('says what was done, or why not', () => {
    expect(readAnswer({ status: 200, body: { epoch: 3, tookMs: 12.4 } })).toMatchObject({
      ok: true,
      text: 'epoch 3, after 12 ms',
    });
    expect(
      readAnswer({ status: 503, body: { error: { code: 'NO_QUORUM', message: 'too few' } } }),
    ).toMatchObject({ ok: false, code: 'NO_QUORUM', text: 'too few' });
  });

  test('that does not come is neither done nor a refusal', () => {
    const silence = readAnswer(undefined);

    expect(asExpected({ expect: 'any' }, silence)).toBe(true);
    expect(asExpected({ expect: 'done' }, silence)).toBe(false);
    expect(asExpected({ expect: 'refused' }, silence)).toBe(false);
  });

  test('that does not come is waited for, unless anything is right', () => {
    const silence = readAnswer(undefined);
    const refused = readAnswer({ status: 409, body: { error: { code: 'X', message: 'x' } } });

    expect([
      isSettled({ expect: 'refused' }, silence),
      isSettled({ expect: 'refused' }, refused),
    ]).toEqual([false, true]);
    expect([
      isSettled({ expect: 'done' }, silence),
      isSettled({ expect: 'done' }, refused),
    ]).toEqual([false, false]);
    expect(isSettled({ expect: 'any' }, silence)).toBe(true);
  });

  test('is a refusal only where a node says no, and why', () => {
    const crashed = readAnswer({ status: 500, body: {} });
    const refused = readAnswer({ status: 409, body: { error: { code: 'X', message: 'x' } } });

    for (const answer of [NOBODY_LEADS, crashed]) {
      expect([
        isSettled({ expect: 'refused' }, answer),
        asExpected({ expect: 'refused' }, answer),
      ]).toEqual([false, false]);
    }
    expect([
      isSettled({ expect: 'refused' }, refused),
      asExpected({ expect: 'refused' }, refused),
    ]).toEqual([true, true]);
  });

  test('is as expected where it says so', () => {
    const done = readAnswer({ status: 200, body: {} });
    const refused = readAnswer({ status: 409, body: { error: { code: 'X', message: 'x' } } });

    expect([asExpected({ expect: 'done' }, done), asExpected({ expect: 'refused' }, done)]).toEqual(
      [true, false],
    );
    expect([
      asExpected({ expect: 'done' }, refused),
      asExpected({ expect: 'refused' }, refused),
    ]).toEqual([false, true]);
  });

  test('is the refusal that was expected only where it gives that reason, or that code where it gives none', () => {
    const refusal = (error: object): ReturnType<typeof readAnswer> =>
      readAnswer({ status: 503, body: { error: { message: 'no', ...error } } });
    const ahead = { expect: 'refused', reason: 'VOTER_AHEAD' } as const;
    const quorum = { expect: 'refused', reason: 'NO_QUORUM' } as const;
    const lags = refusal({ code: 'NO_QUORUM', reason: 'VOTER_AHEAD' });
    const alone = refusal({ code: 'NO_QUORUM' });

    expect([asExpected(ahead, lags), asExpected(ahead, alone)]).toEqual([true, false]);
    expect([asExpected(quorum, lags), asExpected(quorum, alone)]).toEqual([false, true]);
    expect([isSettled(ahead, lags), isSettled(ahead, alone)]).toEqual([true, false]);
    expect(isSettled(ahead, readAnswer({ status: 200, body: {} }))).toBe(true);
  });
});
