import { describe, expect, test } from 'vitest';
import { entryInto, forcedHistory } from '../../../src/node/election/forced.ts';
import { BLANK_META } from '../../../src/wal/files/meta.ts';
import type { Meta } from '../../../src/wal/files/meta.ts';

const [CLUSTER, OLD, NEW] = ['c', 'a', 'b'].map((digit) => digit.repeat(32)) as [
  string,
  string,
  string,
];
const FROM = { epoch: 3, lsn: 40 };
/** Holds the promise of the attempt that began history NEW. */
const PROMISED: Meta = {
  ...BLANK_META,
  clusterId: CLUSTER,
  historyId: OLD,
  nodeId: 'n2',
  state: 'intact',
  promise: { epoch: 9, candidate: 'n1', attempt: NEW },
  forced: { voters: ['n1', 'n2'], quorum: 2, from: FROM },
};
const NAMED = { clusterId: CLUSTER, historyId: NEW };
const OFFERED = { ...NAMED, epoch: 9, config: { voters: ['n1'], quorum: 1 } };

describe('the history that a promised attempt began', () => {
  test('is entered with its voters and W, by the one who holds that very promise', () => {
    expect(forcedHistory(PROMISED, NAMED)).toMatchObject({
      historyId: NEW,
      voters: ['n1', 'n2'],
      quorum: 2,
      forced: null,
      joining: true,
      state: 'intact',
      claim: null,
    });
  });

  test.for<[string, Partial<Meta>]>([
    ['promised to another attempt since', { promise: { ...PROMISED.promise, attempt: OLD } }],
    ['promised by following since', { promise: { epoch: 9, candidate: null, attempt: null } }],
    ['promised to an ordinary candidacy', { forced: null }],
    ['is in it already', { historyId: NEW }],
  ])('is none for a node that %s', ([, change]) => {
    expect(forcedHistory({ ...PROMISED, ...change }, NAMED)).toBeUndefined();
  });

  test.for(['suspect', 'blank'] as const)(
    'is entered by a %s node with the candidate as its claim',
    (state) => {
      const patch = forcedHistory({ ...PROMISED, state, claim: 'unknown' }, NAMED);

      expect(patch).toMatchObject({ state: 'suspect', claim: FROM });
    },
  );

  test('is entered by the candidate as intact, whatever it was', () => {
    const own = { ...PROMISED, nodeId: 'n1', state: 'suspect', claim: 'unknown' } as const;

    expect(forcedHistory(own, NAMED)).toMatchObject({ state: 'intact', claim: null });
  });
});

describe('the answer of a leader', () => {
  test('of the same history, or to a node without one, changes nothing', () => {
    expect(entryInto(PROMISED, { ...OFFERED, historyId: OLD }, false).kind).toBe('same');
    expect(entryInto({ ...PROMISED, historyId: null }, OFFERED, false).kind).toBe('same');
  });

  test('of another history is refused, unless it was promised to or an operator wishes it', () => {
    const stranger = { ...PROMISED, forced: null };

    expect(entryInto(stranger, OFFERED, false)).toMatchObject({ code: 'WRONG_CLUSTER' });
    expect(entryInto(PROMISED, OFFERED, false)).toMatchObject({ kind: 'enter' });
    expect(entryInto(stranger, OFFERED, true)).toEqual({
      kind: 'enter',
      patch: {
        historyId: NEW,
        voters: ['n1'],
        quorum: 1,
        promise: { epoch: 9, candidate: null, attempt: null },
        forced: null,
        birth: null,
        state: 'blank',
        claim: null,
        joining: true,
        discarding: true,
      },
    });
  });

  test('of the very history that an operator wants left is refused', () => {
    const own = { ...OFFERED, historyId: OLD };

    expect(entryInto(PROMISED, own, true)).toMatchObject({ code: 'SAME_HISTORY' });
  });
});
