/**
 * Goal: a candidate wins only by promises that still hold after the last one came in (trace F1).
 * Method: a real candidate on a simulated disk, and voters whose answers are made up.
 */
import { expect, test } from 'vitest';
import { stand } from '../../../src/node/election/attempt.ts';
import type { AttemptResult } from '../../../src/node/election/attempt.ts';
import { Voter } from '../../../src/node/election/voter.ts';
import type { Ask, AskReply } from '../../../src/protocol/messages.ts';
import { ID, withReplica } from '../replica-fixture.ts';

const VOTERS = ['n1', 'n2', 'n3'].map((nodeId) => ({ nodeId, address: nodeId }));

/** n1 stands; n2 grants everything but what `change` says, and n3 is silent. */
async function candidacy(change: (ask: Ask) => Partial<AskReply>): Promise<AttemptResult> {
  const results: AttemptResult[] = [];
  await withReplica(async ({ world, clock, replica }) => {
    const quiet = {
      heardLeaderRecently: false,
      leaderId: null,
      justStarted: false,
      leading: false,
    };
    const configHash = ID;
    const voter = new Voter({
      replica,
      clock,
      run: ID,
      membership: { configHash, voters: VOTERS.map(({ nodeId }) => nodeId) },
      liveness: () => quiet,
      onPromised: () => undefined,
      onEvent: () => undefined,
    });
    const result = await stand({
      replica,
      run: ID,
      clock,
      entropy: world.entropy,
      voter,
      voters: VOTERS,
      quorum: 2,
      configHash,
      operator: false,
      ask: ({ nodeId }, ask) =>
        Promise.resolve(
          nodeId === 'n3'
            ? { kind: 'silent', nodeId, message: 'it is away' }
            : { kind: 'reply', reply: { ...granted(ask), ...change(ask) } },
        ),
    });
    results.push(result);
  });
  const [result] = results;
  if (result === undefined) throw new Error('it never ended');
  return result;
}

function granted({ round, epoch, candidate, attempt, position }: Ask): AskReply {
  return {
    kind: 'reply',
    round,
    attempt,
    nodeId: 'n2',
    run: ID,
    granted: true,
    code: 'OK',
    message: '',
    promise: { epoch, candidate, attempt },
    birth: null,
    position,
    state: 'intact',
    claim: null,
    clusterId: ID,
    historyId: ID,
    leader: null,
  };
}

test('a candidate with the promises of a majority wins', async () => {
  expect(await candidacy(() => ({}))).toMatchObject({ kind: 'won', promisedBy: ['n1', 'n2'] });
});

test('a voter that lost its promise before it was asked again does not count', async () => {
  const wiped: Partial<AskReply> = {
    granted: false,
    code: 'STALE_EPOCH',
    promise: { epoch: 0, candidate: null, attempt: null },
    position: { epoch: 0, lsn: 0, chain: 0 },
    state: 'blank',
  };
  const result = await candidacy(({ round }) => (round === 'confirm' ? wiped : {}));

  expect(result).toMatchObject({ kind: 'lost', code: 'NO_QUORUM' });
});

test('a candidate that cannot win asks nobody for real', async () => {
  const rounds: string[] = [];
  const result = await candidacy(({ round }) => {
    rounds.push(round);
    return { granted: false, code: 'LEADER_ALIVE' };
  });

  expect(result.kind).toBe('lost');
  expect(rounds).toEqual(['dry']);
});
