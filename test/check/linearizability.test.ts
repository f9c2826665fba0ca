/**
 * Goal: the judge calls a history linearizable exactly where one order of its operations explains it.
 * Method: histories known to be good and bad by hand; every order of small random ones, tried one by one; long ones made from a real
 * register, whose order is known, and the same with one read made stale.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Operation } from '../../src/check/history.ts';
import { judgeLinearizable } from '../../src/check/linearizability.ts';
import type { Judgement } from '../../src/check/linearizability.ts';
import { ABSENT, prepareSteps, take } from '../../src/check/register-steps.ts';
import type { RegisterState, Step } from '../../src/check/register-steps.ts';
import { check, del, get, put } from './register-history.ts';
import { registerHistory } from './real-register.ts';

function judge(...operations: Operation[]): Judgement {
  return judgeLinearizable({ operations });
}

const GOOD: Readonly<Record<string, readonly Operation[]>> = {
  'nothing at all': [],
  'a read of what was written before': [put([0, 1], 'a', '1.1'), get([2, 3], 'a@1.1')],
  'reads of the old and then the new value while a write is under way': [
    put([0, 1], 'a', '1.1'),
    put([2, 9], 'b', '1.2'),
    get([3, 4], 'a'),
    get([5, 6], 'b'),
  ],
  'overlapping writes that a later read orders one way': [
    put([0, 9], 'a', 'ok'),
    put([1, 8], 'b', 'ok'),
    get([10, 11], 'a'),
  ],
  'an indeterminate write that appears late': [
    put([0, 1], 'a', '1.1'),
    put([2, 3], 'b', '?'),
    get([4, 5], 'a'),
    get([6, 7], 'b@1.2'),
  ],
  'an indeterminate write that never appears': [
    put([0, 1], 'a', '1.1'),
    put([2, 3], 'b', '?'),
    get([4, 5], 'a'),
  ],
  'an indeterminate delete that appears late': [
    put([0, 1], 'a', '1.1'),
    del([2, 3], '?'),
    get([4, 5], 'a'),
    get([6, 7]),
  ],
  'a rejected write that nobody sees': [
    put([0, 1], 'a', '1.1'),
    put([2, 3], 'b', 'rejected'),
    get([4, 5], 'a'),
  ],
  'a condition on the version of an indeterminate write': [
    put([0, 1], 'a', '?'),
    put([2, 3], 'b', '1.2', '1.1'),
    get([4, 5], 'b@1.2'),
  ],
  'a condition that failed while the other write was under way': [
    put([0, 1], 'a', '1.1'),
    put([2, 5], 'b', '1.2', '1.1'),
    put([3, 4], 'c', 'failed 1.2', '1.1'),
  ],
  'a condition of a transaction that held once': [
    put([0, 1], 'a', '1.1'),
    check([2, 9], '1.1', 'ok'),
    put([3, 4], 'b', '1.2'),
  ],
  'a failed condition that an unseen indeterminate write explains': [
    put([0, 1], 'a', '?'),
    put([2, 3], 'b', 'failed', 'absent'),
  ],
  'a put and a delete at once, whose order a condition tells later': [
    del([0, 9], 'ok'),
    put([0, 9], 'a', 'ok'),
    put([10, 11], 'b', 'ok', 'absent'),
  ],
  'equal values of several writes': [
    put([0, 1], 'a', '?'),
    put([2, 3], 'b', 'ok'),
    put([4, 5], 'a', '?'),
    get([6, 7], 'a@1.3'),
    get([8, 9], 'a@1.3'),
  ],
};

const BAD: Readonly<Record<string, readonly [string, readonly Operation[]]>> = {
  'a stale read': [
    'STALE_READ',
    [put([0, 1], 'a', '1.1'), put([2, 3], 'b', '1.2'), get([4, 5], 'a@1.1')],
  ],
  'two reads that go back while a write is under way': [
    'READS_GO_BACK',
    [put([0, 1], 'a', '1.1'), put([2, 9], 'b', '?'), get([3, 4], 'b@1.2'), get([5, 6], 'a@1.1')],
  ],
  'a lost write': ['LOST_WRITE', [put([0, 1], 'a', '1.1'), get([2, 3])]],
  'a write that was rejected and appears': [
    'REJECTED_APPEARED',
    [put([0, 1], 'a', 'rejected'), get([2, 3], 'a@1.1')],
  ],
  'a value that nobody wrote': ['NEVER_WRITTEN', [put([0, 1], 'a', '1.1'), get([2, 3], 'x@1.1')]],
  'a value from the future': [
    'READ_BEFORE_WRITTEN',
    [get([0, 1], 'a'), put([2, 3], 'a', '1.1'), get([4, 5], 'a')],
  ],
  'a version that the write did not get': [
    'OTHER_VERSION',
    [put([0, 1], 'a', '1.1'), get([2, 3], 'a@2.1')],
  ],
  'one write at two versions': [
    'NO_ORDER',
    [put([0, 1], 'a', '?'), get([2, 3], 'a@1.1'), get([4, 5], 'a@1.2')],
  ],
  'two leaders, each with a write of its own': [
    'READS_GO_BACK',
    [
      put([0, 9], 'a', '1.1'),
      put([0, 9], 'b', '2.1'),
      get([1, 2], 'a'),
      get([3, 4], 'b'),
      get([5, 6], 'a'),
    ],
  ],
  'writes that did not overlap, in the other order': [
    'STALE_READ',
    [put([0, 1], 'a', 'ok'), put([2, 3], 'b', 'ok'), get([4, 5], 'a@1.9')],
  ],
  'versions in another order than the writes': [
    'VERSIONS_GO_BACK',
    [put([0, 1], 'a', '1.9'), put([2, 3], 'b', '1.2')],
  ],
  'an update lost between two conditions on one version': [
    'LOST_UPDATE',
    [put([0, 1], 'a', '1.1'), put([2, 5], 'b', '1.2', '1.1'), put([3, 4], 'c', '1.3', '1.1')],
  ],
  'two writes that both found the key absent': [
    'NO_ORDER',
    [put([0, 9], 'a', '1.1', 'absent'), put([0, 9], 'b', '1.2', 'absent')],
  ],
  'a condition that failed although it held': [
    'NO_ORDER',
    [put([0, 1], 'a', '1.1'), put([2, 3], 'b', 'failed', '1.1')],
  ],
  'a transaction whose condition no longer held': [
    'NO_ORDER',
    [put([0, 1], 'a', '1.1'), put([2, 3], 'b', '1.2'), check([4, 5], '1.1', 'ok')],
  ],
  'an indeterminate write that comes and goes': [
    'NO_ORDER',
    [
      put([0, 1], 'a', '1.1'),
      put([2, 3], 'b', '?'),
      get([4, 5], 'b'),
      get([6, 7], 'a'),
      get([8, 9], 'b'),
    ],
  ],
};

describe('a history is linearizable with', () => {
  test.for(Object.entries(GOOD))('%s', ([, operations]) => {
    expect(judge(...operations)).toMatchObject({ kind: 'ok' });
  });
});

describe('a history is not linearizable with', () => {
  test.for(Object.entries(BAD))('%s', ([, [code, operations]]) => {
    expect(judge(...operations)).toMatchObject({ kind: 'violation', key: 'k', code });
  });
});

describe('a violation', () => {
  test('is told with only the operations that contradict each other', () => {
    const judged = judge(
      put([0, 1], 'x', '1.1'),
      get([2, 3], 'x'),
      put([4, 5], 'a', '1.2'),
      get([5, 6], 'a'),
      put([7, 8], 'b', '1.3'),
      get([9, 10], 'a'),
      get([11, 12], 'b'),
      put([13, 14], 'c', '1.4'),
    );

    expect('message' in judged && judged.message).toMatchInlineSnapshot(`
      "key k: a get shows a value that had been overwritten before the get was called
        c from 4.000 to 5.000 ms: put "a": acknowledged as 1.2
        c from 7.000 to 8.000 ms: put "b": acknowledged as 1.3
        c from 9.000 to 10.000 ms: get: "a""
    `);
  });

  test('counts more than an unknown of another key', () => {
    const [, hard = []] = BAD['two leaders, each with a write of its own'] ?? [];
    const lost = [put([0, 1], 'a', '1.1'), get([2, 3])].map((one) => ({ ...one, key: 'z' }));
    const judged = judgeLinearizable({ operations: [...hard, ...lost] }, { triesMax: 2 });

    expect(judged).toMatchObject({ kind: 'violation', key: 'z' });
  });
});

test('a bound that is reached gives unknown, whatever the history', () => {
  const [, stale = []] = BAD['two leaders, each with a write of its own'] ?? [];

  expect(judgeLinearizable({ operations: stale }, { triesMax: 1 })).toMatchObject({
    kind: 'unknown',
    key: 'k',
  });
});

const span = fc.tuple(fc.nat(12), fc.nat(6)).map(([from, takes]) => [from, from + takes] as const);
const value = fc.constantFrom('a', 'b');
const told = fc.constantFrom('1.1', '1.2', '1.3');
const wish = fc.constantFrom('absent', 'present', '1.1', '1.2');
const became = fc.oneof(
  told,
  fc.constantFrom('ok', 'rejected', '?', '1.1?', '1.2?', 'failed', 'failed absent', 'failed 1.1'),
);
const anOperation: fc.Arbitrary<Operation> = fc
  .record({
    span,
    value,
    became,
    wish: fc.option(wish, { nil: undefined }),
    shown: fc.option(fc.tuple(value, fc.option(told)), { nil: undefined }),
    kind: fc.constantFrom('put', 'put', 'del', 'get', 'get', 'check'),
  })
  .map((drawn) => {
    const outcome = outcomeFor(drawn);
    if (drawn.kind === 'put') return put(drawn.span, drawn.value, outcome, drawn.wish);
    if (drawn.kind === 'del') return del(drawn.span, outcome, drawn.wish);
    if (drawn.kind === 'check') return check(drawn.span, drawn.wish ?? 'present', outcome);
    const [seen, at] = drawn.shown ?? [];
    return get(drawn.span, seen === undefined || !at ? seen : `${seen}@${at}`);
  });

/** A condition that failed on a version always tells the other one: a version that nobody told is held to differ until it is told. */
function outcomeFor(drawn: { readonly wish: string | undefined; readonly became: string }): string {
  if (!drawn.became.startsWith('failed')) return drawn.became;
  if (drawn.wish === undefined) return 'ok';
  return drawn.became === 'failed' && drawn.wish.includes('.') ? 'failed 1.3' : drawn.became;
}

/** Tries every order of all that may have happened, one after the other; nothing is left out for being useless. */
function hasOrder(operations: readonly Operation[]): boolean {
  const steps = operations.flatMap((operation): Step[] => {
    const { outcome, returnedAt, request } = operation;
    if (outcome.kind === 'rejected') return [];
    const must = outcome.kind !== 'indeterminate';
    if (!must && request.kind === 'check') return [];
    const at = 'version' in outcome ? outcome.version : undefined;
    const endsAt = must ? returnedAt : Number.POSITIVE_INFINITY;
    return [{ operation, isRead: false, must, endsAt, version: at, spare: undefined }];
  });
  const from = (state: RegisterState, left: readonly Step[]): boolean => {
    if (left.every(({ must }) => !must)) return true;
    const endMs = Math.min(...left.map(({ endsAt }) => endsAt));
    return left.some((step) => {
      if (step.operation.calledAt > endMs) return false;
      const next = take(step, state);
      return (
        next !== undefined &&
        from(
          next,
          left.filter((other) => other !== step),
        )
      );
    });
  };
  return from(ABSENT, steps);
}

test(
  'the search finds an order exactly where trying every order finds one',
  { tags: ['slow'] },
  () => {
    const counts = { good: 0, bad: 0 };
    fc.assert(
      fc.property(fc.array(anOperation, { maxLength: 7 }), (operations) => {
        const good = hasOrder(operations);
        counts[good ? 'good' : 'bad'] += 1;
        expect(judgeLinearizable({ operations }).kind).toBe(good ? 'ok' : 'violation');
      }),
      { numRuns: 8_000, seed: 1 },
    );

    // Else the property would say little.
    expect(counts.good).toBeGreaterThan(1_000);
    expect(counts.bad).toBeGreaterThan(1_000);
  },
);

test('what follows from what clients saw takes nothing away from what the steps may do', () => {
  const prepared = prepareSteps([
    put([0, 1], 'a', '?'),
    get([5, 6], 'a@1.1'),
    put([7, 8], 'b', '?'),
  ]);

  expect(prepared).toMatchObject({
    kind: 'steps',
    steps: [{ must: true, endsAt: 6, version: { epoch: 1, lsn: 1 } }, { isRead: true }],
  });
});

describe('a history of a real register', () => {
  test.for([1, 2, 4, 16, 64])('with %i clients is linearizable', (clients) => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { operations } = registerHistory({ seed, clients, count: 400 });
      const judged = judgeLinearizable({ operations });

      expect(judged, `seed ${seed}`).toMatchObject({ kind: 'ok' });
    }
  });

  test.for([1, 2, 4, 16])('with %i clients and one read made stale is not', (clients) => {
    let judged = 0;
    for (let seed = 1; seed <= 40; seed += 1) {
      const { operations, staleRead } = registerHistory({ seed, clients, count: 200 });
      if (staleRead === undefined) continue;
      judged += 1;
      const changed = operations.map((one, at) => (at === staleRead.at ? staleRead.read : one));

      expect(judgeLinearizable({ operations: changed }), `seed ${seed}`).toMatchObject({
        kind: 'violation',
      });
    }

    expect(judged).toBeGreaterThan(20);
  });

  test('is judged without going back where versions are right', () => {
    const { operations } = registerHistory({ seed: 1, clients: 64, count: 20_000, lost: 0 });
    const judged = judgeLinearizable({ operations });

    expect(judged).toMatchObject({ kind: 'ok' });
    expect(judged.kind === 'ok' && judged.tried).toBeLessThan(25_000);
  });
});
