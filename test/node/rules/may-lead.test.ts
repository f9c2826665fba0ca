import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayLead } from '../../../src/node/rules/may-lead.ts';
import type { ElectionFacts, VoterAnswer } from '../../../src/node/rules/may-lead.ts';
import type { Claim } from '../../../src/wal/format/voter-state.ts';

const at = (epoch: number, lsn: number, chain = epoch * 1_000 + lsn) => ({ epoch, lsn, chain });
const intact = (nodeId: string, epoch: number, lsn: number): VoterAnswer => ({
  nodeId,
  granted: true,
  position: at(epoch, lsn),
  state: 'intact',
  claim: null,
  birth: null,
});
const suspect = (nodeId: string, lsn: number, claim: Claim): VoterAnswer => ({
  nodeId,
  granted: true,
  position: at(1, lsn),
  state: 'suspect',
  claim,
  birth: null,
});
const blank = (nodeId: string): VoterAnswer => ({
  nodeId,
  granted: true,
  position: at(0, 0),
  state: 'blank',
  claim: null,
  birth: null,
});
/** Blank, and still with the promise to the birth that n1 led in epoch 1. */
const unborn = (nodeId: string, lsn = 0): VoterAnswer => ({
  ...blank(nodeId),
  position: at(lsn === 0 ? 0 : 1, lsn),
  birth: { epoch: 1, candidate: 'n1', attempt: 'a'.repeat(32) },
});
const refusing = (answer: VoterAnswer): VoterAnswer => ({ ...answer, granted: false });

/** How the cluster of these tests was born. */
const BORN = { epoch: 1, leader: 'n1' } as const;

/** The first answer is the candidate's own. N voters n1..nN. */
function stand(
  count: number,
  quorum: number,
  answers: VoterAnswer[],
  ownEpoch: number | null = null,
): string {
  const [own] = answers;
  if (own === undefined) throw new Error('a candidate answers itself');
  const candidate = { ...own, born: BORN, ownEpoch };
  const voters = Array.from({ length: count }, (_, index) => `n${index + 1}`);
  const result = mayLead({ voters, quorum, candidate, answers });
  return result.kind === 'lead' ? result.how : result.code;
}

describe('a candidate', () => {
  test.for<[string, number, number, VoterAnswer[], string]>([
    [
      'leads with the promises of a majority',
      3,
      2,
      [intact('n1', 1, 9), intact('n2', 1, 9)],
      'promises',
    ],
    ['does not lead by its own promise alone', 3, 2, [intact('n1', 1, 9)], 'NO_QUORUM'],
    ['leads alone where it is the only voter', 1, 1, [intact('n1', 1, 9)], 'promises'],
    ['of two voters needs the other one, with W = 2', 2, 2, [intact('n1', 1, 9)], 'NO_QUORUM'],
    ['of two voters needs the other one, with W = 1', 2, 1, [intact('n1', 1, 9)], 'NO_QUORUM'],
    [
      'needs N-W+1 promises where W is below a majority',
      3,
      1,
      [intact('n1', 1, 9), intact('n2', 1, 9)],
      'NO_QUORUM',
    ],
    [
      'needs a majority of promises where W is above one',
      5,
      5,
      [intact('n1', 1, 9), intact('n2', 1, 9)],
      'NO_QUORUM',
    ],
    [
      'does not count a refusal',
      3,
      2,
      [intact('n1', 1, 9), refusing(intact('n2', 1, 9))],
      'NO_QUORUM',
    ],
    [
      'does not count a voter that is not in the list',
      3,
      2,
      [intact('n1', 1, 9), intact('n9', 1, 9)],
      'NO_QUORUM',
    ],
    [
      'is not led past by a stranger',
      3,
      2,
      [intact('n9', 1, 9), intact('n1', 1, 9)],
      'NOT_A_VOTER',
    ],
    [
      'is not vouched for by a blank voter, whatever that claims',
      3,
      1,
      [intact('n1', 1, 9), intact('n2', 1, 9), { ...blank('n3'), claim: { epoch: 1, lsn: 2 } }],
      'TOO_MANY_DAMAGED',
    ],
    [
      'does not count the promise of a blank voter',
      3,
      2,
      [intact('n1', 1, 9), blank('n2')],
      'NO_QUORUM',
    ],
    [
      'counts the promise and the vouching of a suspect that claims no more',
      3,
      2,
      [intact('n1', 1, 9), suspect('n2', 3, { epoch: 1, lsn: 9 })],
      'promises',
    ],
    [
      'is not vouched for by a suspect that claims more',
      3,
      2,
      [intact('n1', 1, 9), suspect('n2', 3, { epoch: 1, lsn: 10 })],
      'NO_QUORUM',
    ],
    [
      'is not vouched for by a suspect that claims a later epoch',
      3,
      2,
      [intact('n1', 1, 9), suspect('n2', 3, { epoch: 2, lsn: 4 })],
      'NO_QUORUM',
    ],
    [
      'is not vouched for by a suspect that knows nothing of what it held',
      3,
      2,
      [intact('n1', 1, 9), suspect('n2', 3, 'unknown')],
      'NO_QUORUM',
    ],
    [
      'is not vouched for by a suspect without a claim',
      3,
      2,
      [intact('n1', 1, 9), suspect('n2', 3, null)],
      'NO_QUORUM',
    ],
    [
      'is not vouched for by a suspect that is itself ahead by now',
      3,
      2,
      [intact('n1', 1, 9), suspect('n2', 10, { epoch: 1, lsn: 5 })],
      'NO_QUORUM',
    ],
    [
      'may leave one behind that is ahead and refuses, where enough others vouch',
      3,
      2,
      [intact('n1', 1, 9), intact('n2', 1, 9), refusing(intact('n3', 1, 10))],
      'promises',
    ],
    [
      'is told who is ahead',
      3,
      2,
      [intact('n1', 1, 9), refusing(intact('n2', 1, 10))],
      'VOTER_AHEAD',
    ],
    [
      'is ahead by epoch, however short its log',
      3,
      2,
      [intact('n1', 2, 5), intact('n2', 1, 9)],
      'promises',
    ],
    [
      'with all answers leads past W-1 damaged ones',
      4,
      3,
      [intact('n1', 1, 9), intact('n2', 1, 9), blank('n3'), blank('n4')],
      'all-answered',
    ],
    [
      'with all answers does not lead past W damaged ones',
      3,
      2,
      [intact('n1', 1, 9), blank('n2'), suspect('n3', 1, 'unknown')],
      'TOO_MANY_DAMAGED',
    ],
    [
      'with all answers does not lead where an intact one is ahead',
      5,
      5,
      [intact('n1', 1, 9), intact('n2', 1, 10), blank('n3'), blank('n4'), blank('n5')],
      'VOTER_AHEAD',
    ],
    [
      'that is suspect never leads, whoever answers',
      3,
      2,
      [suspect('n1', 9, { epoch: 1, lsn: 9 }), intact('n2', 1, 9), intact('n3', 1, 9)],
      'CANDIDATE_SUSPECT',
    ],
    [
      'that is blank never leads where another has a record',
      3,
      2,
      [blank('n1'), blank('n2'), intact('n3', 1, 1)],
      'CANDIDATE_BLANK',
    ],
    [
      'that is blank never leads where another claims one',
      3,
      2,
      [blank('n1'), blank('n2'), suspect('n3', 0, 'unknown')],
      'CANDIDATE_BLANK',
    ],
    [
      'is born where all answer and none has anything',
      3,
      2,
      [blank('n1'), blank('n2'), blank('n3')],
      'birth',
    ],
    ['is not born where one does not answer', 3, 2, [blank('n1'), blank('n2')], 'NO_QUORUM'],
    [
      'is not born where one refuses',
      3,
      2,
      [blank('n1'), blank('n2'), refusing(blank('n3'))],
      'NO_QUORUM',
    ],
    [
      'finds a log that differs at its own end',
      3,
      2,
      [intact('n1', 1, 9), { ...intact('n2', 1, 9), position: at(1, 9, 7) }, intact('n3', 1, 9)],
      'CHAIN_MISMATCH',
    ],
    [
      'does not mind the chain of logs without records',
      3,
      2,
      [blank('n1'), { ...blank('n2'), position: at(0, 0, 7) }, blank('n3')],
      'birth',
    ],
    // Decision 0007.
    [
      'leads after a birth that ended with its first record on one disk',
      3,
      2,
      [intact('n1', 1, 1), unborn('n2'), unborn('n3')],
      'all-answered',
    ],
    [
      'leads after such a birth though the first leader lost its disk',
      3,
      2,
      [intact('n2', 1, 1), blank('n1'), unborn('n3')],
      'all-answered',
    ],
    [
      'minds no record of a voter that never counted',
      3,
      2,
      [intact('n1', 1, 1), unborn('n2', 5), unborn('n3')],
      'all-answered',
    ],
    [
      'does not lead past more wiped voters than may be lost, whoever else never counted',
      4,
      2,
      [intact('n1', 1, 9), unborn('n2'), blank('n3'), blank('n4')],
      'TOO_MANY_DAMAGED',
    ],
    [
      'is not vouched for by a voter that remembers another birth',
      3,
      2,
      [
        intact('n1', 1, 1),
        { ...unborn('n2'), birth: { epoch: 2, candidate: 'n1', attempt: 'a'.repeat(32) } },
        { ...unborn('n3'), birth: { epoch: 1, candidate: 'n2', attempt: 'a'.repeat(32) } },
      ],
      'TOO_MANY_DAMAGED',
    ],
    [
      'has no promise that counts from a voter that never counted',
      3,
      2,
      [intact('n1', 1, 1), unborn('n2')],
      'NO_QUORUM',
    ],
    [
      'is not led past an intact voter that is ahead by one that never counted',
      3,
      2,
      [intact('n1', 1, 1), unborn('n2'), refusing(intact('n3', 1, 2))],
      'VOTER_AHEAD',
    ],
    // leadership-traces.md
    [
      'F1: does not lead once the wiped voter it counted no longer holds its promise',
      4,
      2,
      [intact('n4', 1, 5), intact('n3', 1, 5), refusing(blank('n2'))],
      'NO_QUORUM',
    ],
    [
      'F3: is not led by an empty node that granted itself',
      2,
      2,
      [blank('n1'), intact('n2', 1, 2)],
      'CANDIDATE_BLANK',
    ],
    [
      'F4: leads again after a birth that was interrupted before the first record',
      3,
      2,
      [intact('n1', 0, 0), blank('n2'), blank('n3')],
      'birth',
    ],
    [
      'F5: with W = N leads past two wiped voters',
      3,
      3,
      [intact('n1', 1, 9), blank('n2'), blank('n3')],
      'all-answered',
    ],
    ['A1: cannot count a wiped voter', 3, 2, [intact('n1', 1, 10), blank('n2')], 'NO_QUORUM'],
    [
      'A4a: that was wiped is not reborn while a voter with the data is away',
      3,
      2,
      [blank('n1'), blank('n2')],
      'NO_QUORUM',
    ],
    [
      'A4b: that was wiped is not reborn by an operator either',
      3,
      2,
      [blank('n2'), blank('n3'), refusing(intact('n1', 1, 9))],
      'CANDIDATE_BLANK',
    ],
    [
      'A8: does not lead by the promise of a suspect that held more',
      5,
      3,
      [intact('n4', 1, 10), suspect('n2', 19, { epoch: 1, lsn: 20 }), intact('n5', 1, 10)],
      'NO_QUORUM',
    ],
    [
      'C1: leads after a power cut that left both others suspect',
      3,
      2,
      [
        intact('n1', 1, 20),
        suspect('n2', 15, { epoch: 1, lsn: 20 }),
        suspect('n3', 14, { epoch: 1, lsn: 20 }),
      ],
      'promises',
    ],
    [
      'C1: leads two voters of which one is suspect',
      2,
      2,
      [intact('n1', 1, 15), suspect('n2', 10, 'unknown')],
      'promises',
    ],
    [
      'C2: is told in the dry round that it lags',
      3,
      2,
      [intact('n3', 1, 5), refusing(intact('n1', 1, 9)), refusing(intact('n2', 1, 9))],
      'VOTER_AHEAD',
    ],
  ])('%s', ([, count, quorum, answers, expected]) => {
    expect(stand(count, quorum, answers)).toBe(expected);
  });

  test.for<[string, VoterAnswer, number | null, string]>([
    ['D3: that granted', intact('n2', 2, 10), 2, 'LEADER_LOST_DATA'],
    ['D3: that refuses', refusing(intact('n2', 2, 10)), 2, 'LEADER_LOST_DATA'],
    [
      'D3: that is suspect',
      { ...suspect('n2', 10, null), position: at(2, 10) },
      2,
      'LEADER_LOST_DATA',
    ],
    ['D3: that is being filled', { ...blank('n2'), position: at(2, 10) }, 2, 'LEADER_LOST_DATA'],
    ['unless its own log was cut since', refusing(intact('n2', 2, 10)), null, 'VOTER_AHEAD'],
    ['unless another node led that epoch', refusing(intact('n2', 3, 10)), 2, 'VOTER_AHEAD'],
    ['unless that is not ahead', intact('n2', 2, 9), 2, 'promises'],
  ])(
    'has lost data where a voter has more of the epoch that it led, %s',
    ([, other, ownEpoch, expected]) => {
      expect(stand(3, 2, [intact('n1', 2, 9), other], ownEpoch)).toBe(expected);
    },
  );

  test('D3: is told the highest record that it lost', () => {
    const result = mayLead({
      voters: ['n1', 'n2', 'n3'],
      quorum: 2,
      candidate: { ...intact('n1', 2, 9), born: BORN, ownEpoch: 2 },
      answers: [intact('n1', 2, 9), intact('n2', 2, 10), intact('n3', 2, 12)],
    });

    expect(result).toMatchObject({ code: 'LEADER_LOST_DATA', lostData: { epoch: 2, lsn: 12 } });
  });

  test('is told whose promises count, who vouched, and whether all granted', () => {
    const result = mayLead({
      voters: ['n1', 'n2', 'n3'],
      quorum: 2,
      candidate: { ...intact('n1', 1, 9), born: BORN, ownEpoch: null },
      answers: [intact('n1', 1, 9), intact('n2', 1, 8), blank('n3')],
    });

    expect(result).toEqual({
      kind: 'lead',
      how: 'promises',
      counted: ['n1', 'n2'],
      vouched: ['n1', 'n2'],
      all: true,
    });
  });
});

describe('for any answers', () => {
  const facts: fc.Arbitrary<ElectionFacts> = fc
    .tuple(
      fc.integer({ min: 1, max: 5 }),
      fc.nat(),
      fc.infiniteStream(
        fc.record({
          heard: fc.integer({ min: 0, max: 5 }),
          granted: fc.integer({ min: 0, max: 4 }),
          state: fc.constantFrom('intact', 'intact', 'suspect', 'blank'),
          epoch: fc.integer({ min: 1, max: 2 }),
          lsn: fc.integer({ min: 0, max: 3 }),
          birth: fc.constantFrom(null, { epoch: 1, candidate: 'n1', attempt: null }),
          claim: fc.oneof(
            fc.constantFrom(null, 'unknown' as const),
            fc.record({
              epoch: fc.integer({ min: 1, max: 2 }),
              lsn: fc.integer({ min: 0, max: 4 }),
            }),
          ),
        }),
      ),
    )
    .map(([count, pick, stream]) => {
      const voters = Array.from({ length: count }, (_, index) => `n${index + 1}`);
      const answers = voters.flatMap((nodeId, index): VoterAnswer[] => {
        const { heard, granted, state, epoch, lsn, claim, birth } = stream.next().value;
        if (heard === 0 && index > 0) return [];
        const position = state === 'blank' || lsn === 0 ? at(0, 0) : at(epoch, lsn);
        return [
          {
            nodeId,
            granted: granted > 0,
            state,
            position,
            claim: state === 'suspect' ? claim : null,
            birth: state === 'blank' ? birth : null,
          },
        ];
      });
      const [own = blank('n1')] = answers;
      const candidate = { ...own, born: own.position.lsn === 0 ? null : BORN, ownEpoch: null };
      return { voters, quorum: (pick % count) + 1, candidate, answers };
    });

  /** Section 6, word by word. */
  function restated({ voters, quorum: W, candidate, answers }: ElectionFacts): boolean {
    const N = voters.length;
    const Q = Math.max(N - W + 1, Math.floor(N / 2) + 1);
    const number = ({ epoch, lsn }: { epoch: number; lsn: number }): number => epoch * 100 + lsn;
    const mine = number(candidate.position);
    const granted = answers.filter((answer) => answer.granted);
    let promises = 0;
    let vouching = 0;
    let doubtful = 0;
    let intactAhead = 0;
    for (const { state, position, claim, birth } of granted) {
      if (state !== 'blank') promises += 1;
      if (birth !== null && candidate.born !== null) {
        vouching += 1;
        continue;
      }
      const held =
        state === 'suspect'
          ? claim === null || claim === 'unknown'
            ? Infinity
            : Math.max(number(claim), number(position))
          : number(position);
      if (state !== 'blank' && held <= mine) vouching += 1;
      if (state === 'blank' || (state === 'suspect' && held > mine)) doubtful += 1;
      if (state === 'intact' && held > mine) intactAhead += 1;
    }
    const all = granted.length === N;
    const nobodyHasAnything = answers.every(
      ({ state, position }) => position.lsn === 0 && state !== 'suspect',
    );
    if (candidate.state === 'suspect') return false;
    if (all && nobodyHasAnything) return true;
    if (candidate.state === 'blank') return false;
    return (
      (promises >= Q && vouching >= N - W + 1) || (all && doubtful <= W - 1 && intactAhead === 0)
    );
  }

  test('the verdict is that of the rule word by word', { tags: ['slow'] }, () => {
    let led = 0;
    fc.assert(
      fc.property(facts, (facts) => {
        const { kind } = mayLead(facts);
        if (kind === 'lead') led += 1;
        expect(kind === 'lead').toBe(restated(facts));
      }),
      { numRuns: 20_000 },
    );
    expect(led).toBeGreaterThan(1_000);
  });
});
