import { describe, expect, test } from 'vitest';
import { judgeAsk } from '../../../src/node/rules/judge-ask.ts';
import type { AskedVoter, LeaderLiveness } from '../../../src/node/rules/judge-ask.ts';
import { judgeCandidate } from '../../../src/node/election/doubtful-candidate.ts';
import { EPOCH_STEP_MAX } from '../../../src/protocol/limits.ts';
import type { Ask, Identity } from '../../../src/protocol/messages.ts';

const CLUSTER = 'c'.repeat(32);
const ATTEMPT = 'a'.repeat(32);
const AT = { epoch: 2, lsn: 9, chain: 5 };
const QUIET: LeaderLiveness = {
  heardLeaderRecently: false,
  leaderId: null,
  justStarted: false,
  leading: false,
};
const VOTER: AskedVoter = {
  nodeId: 'n2',
  voters: ['n1', 'n2', 'n3'],
  promise: { epoch: 3, candidate: null, attempt: null },
  fence: 3,
  position: AT,
  state: 'intact',
  claim: null,
  lastLeader: 'n3',
  clusterId: CLUSTER,
  historyId: CLUSTER,
  configHash: CLUSTER,
  leaving: false,
  liveness: QUIET,
};
const ASK: Ask = {
  kind: 'ask',
  protocol: 1,
  round: 'real',
  epoch: 4,
  candidate: 'n1',
  run: 'b'.repeat(32),
  attempt: ATTEMPT,
  position: AT,
  clusterId: CLUSTER,
  historyId: CLUSTER,
  configHash: CLUSTER,
  operator: false,
  forced: null,
};
const HELD = { promise: { epoch: 4, candidate: 'n1', attempt: ATTEMPT }, fence: 4 };
const ALIVE = { liveness: { ...QUIET, heardLeaderRecently: true, leaderId: 'n3' } };
const STARTED = { liveness: { ...QUIET, justStarted: true } };
const LEADING = { liveness: { ...QUIET, leading: true, leaderId: 'n2' } };
const OTHER = 'd'.repeat(32);
const behind = { position: { ...AT, lsn: 8 } };

describe('a voter', () => {
  test.for<[string, Partial<AskedVoter>, Partial<Ask>, string]>([
    ['grants where nothing stands against it', {}, {}, 'OK'],
    ['refuses another protocol', {}, { protocol: 2 }, 'UNSUPPORTED_VERSION'],
    ['refuses another cluster', {}, { clusterId: OTHER }, 'WRONG_CLUSTER'],
    ['refuses another history', {}, { historyId: OTHER }, 'WRONG_CLUSTER'],
    ['goes along with a blank candidate', {}, { clusterId: null, historyId: null }, 'OK'],
    [
      'goes along with any cluster while it is blank',
      { clusterId: null, historyId: null },
      {},
      'OK',
    ],
    ['A5: refuses other voters or another quorum', {}, { configHash: OTHER }, 'CONFIG_MISMATCH'],
    ['promises a stranger nothing', {}, { candidate: 'nobody' }, 'NOT_A_VOTER'],
    [
      'promises a stranger nothing, whoever it is itself and whatever it knows',
      {
        state: 'blank',
        clusterId: null,
        historyId: null,
        position: { epoch: 0, lsn: 0, chain: 0 },
      },
      { candidate: 'nobody', operator: true, clusterId: null, historyId: null },
      'NOT_A_VOTER',
    ],
    [
      'says no more to one in the dry round',
      {},
      { candidate: 'nobody', round: 'dry' },
      'NOT_A_VOTER',
    ],
    ['goes on with fewer voters', {}, { forced: { voters: ['n1', 'n2'], quorum: 1 } }, 'OK'],
    [
      'goes on with no other voters',
      {},
      { forced: { voters: ['n1', 'nobody'], quorum: 1 } },
      'NOT_A_VOTER',
    ],
    [
      'goes on with no voters among which the candidate is not',
      {},
      { forced: { voters: ['n2', 'n3'], quorum: 1 } },
      'NOT_A_VOTER',
    ],
    ['refuses the epoch of its promise', {}, { epoch: 3 }, 'STALE_EPOCH'],
    ['refuses an epoch below its promise', {}, { epoch: 2 }, 'STALE_EPOCH'],
    [
      'refuses an epoch that its fence is up for, though the promise is lower',
      { fence: 4 },
      {},
      'STALE_EPOCH',
    ],
    ['refuses an epoch below its fence', { fence: 5 }, {}, 'STALE_EPOCH'],
    ['grants the same attempt again', HELD, {}, 'OK'],
    [
      'does not grant the same attempt again once it is fenced higher',
      { ...HELD, fence: 5 },
      {},
      'STALE_EPOCH',
    ],
    ['refuses the same epoch to another candidate', HELD, { candidate: 'n3' }, 'STALE_EPOCH'],
    ['refuses the same epoch to another attempt', HELD, { attempt: OTHER }, 'STALE_EPOCH'],
    ['refuses where it is ahead', {}, behind, 'VOTER_AHEAD'],
    [
      'refuses where its epoch is ahead',
      {},
      { position: { epoch: 1, lsn: 20, chain: 5 } },
      'VOTER_AHEAD',
    ],
    [
      'is not ahead by LSNs of an older epoch',
      { position: { epoch: 1, lsn: 20, chain: 5 } },
      {},
      'OK',
    ],
    ['answers while it is ahead and suspect', { state: 'suspect', claim: 'unknown' }, behind, 'OK'],
    [
      'refuses where the logs differ at one position',
      {},
      { position: { ...AT, chain: 6 } },
      'CHAIN_MISMATCH',
    ],
    ['refuses while another leader lives', ALIVE, {}, 'LEADER_ALIVE'],
    [
      'grants the leader that it heard itself',
      { liveness: { ...ALIVE.liveness, leaderId: 'n1' } },
      {},
      'OK',
    ],
    ['grants an operator while a leader lives', ALIVE, { operator: true }, 'OK'],
    ['refuses while it leads', LEADING, {}, 'LEADER_ALIVE'],
    ['grants an operator while it leads', LEADING, { operator: true }, 'OK'],
    ['refuses just after its start', STARTED, {}, 'JUST_STARTED'],
    ['grants an operator just after its start', STARTED, { operator: true }, 'OK'],
    ['grants the last leader just after its start', STARTED, { candidate: 'n3' }, 'OK'],
    [
      'grants a birth just after its start',
      { ...STARTED, state: 'blank', position: { epoch: 0, lsn: 0, chain: 0 } },
      { position: { epoch: 0, lsn: 0, chain: 1 } },
      'OK',
    ],
    ['grants itself just after its start', STARTED, { candidate: 'n2' }, 'OK'],
    [
      'does not let an operator past its position',
      {},
      { ...behind, operator: true },
      'VOTER_AHEAD',
    ],
    ['does not let an operator past its promise', {}, { epoch: 3, operator: true }, 'STALE_EPOCH'],
    ['answers the dry question by the same rules', ALIVE, { round: 'dry' }, 'LEADER_ALIVE'],
    ['confirms the very promise that it holds', HELD, { round: 'confirm' }, 'OK'],
    ['confirms it though a leader is heard', { ...HELD, ...ALIVE }, { round: 'confirm' }, 'OK'],
    [
      'F1: does not confirm a promise that was wiped',
      { promise: { epoch: 0, candidate: null, attempt: null }, fence: 0 },
      { round: 'confirm' },
      'STALE_EPOCH',
    ],
    [
      'does not confirm a promise that was made by following',
      { promise: { epoch: 4, candidate: null, attempt: null }, fence: 4 },
      { round: 'confirm' },
      'STALE_EPOCH',
    ],
    [
      'does not confirm to another attempt',
      HELD,
      { round: 'confirm', attempt: OTHER },
      'STALE_EPOCH',
    ],
    [
      'does not confirm to another candidate',
      HELD,
      { round: 'confirm', candidate: 'n3' },
      'STALE_EPOCH',
    ],
    [
      'does not confirm once it is fenced higher',
      { ...HELD, fence: 5 },
      { round: 'confirm' },
      'STALE_EPOCH',
    ],
  ])('%s', ([, voter, ask, code]) => {
    const judged = judgeAsk({ ...VOTER, ...voter }, { ...ASK, ...ask });

    expect(judged).toMatchObject({ code, verdict: code === 'OK' ? 'grant' : 'refuse' });
  });
});

describe('a candidate that is asked back at its own address', () => {
  const FENCE = 3;
  const said = (fence: number): Identity => ({
    kind: 'identity',
    nodeId: 'n1',
    run: ASK.run,
    fence,
    last: AT,
  });

  test.for<[string, number, Identity | undefined, string | undefined]>([
    ['is believed where it answers', 4, said(0), undefined],
    ['is not where nobody answers', 4, undefined, 'DUPLICATE_NODE'],
    ['is not where another run answers', 4, { ...said(4), run: OTHER }, 'DUPLICATE_NODE'],
    ['is not where another node answers', 4, { ...said(4), nodeId: 'n3' }, 'DUPLICATE_NODE'],
    ['may stand so far above', FENCE + EPOCH_STEP_MAX, said(0), undefined],
    ['may not stand farther above', FENCE + EPOCH_STEP_MAX + 1, said(0), 'CLAIM_UNPROVEN'],
    [
      'may stand as far above as it is itself',
      FENCE + EPOCH_STEP_MAX + 1,
      said(FENCE + EPOCH_STEP_MAX + 1),
      undefined,
    ],
  ])('%s', ([, epoch, found, code]) => {
    expect(judgeCandidate({ ...ASK, epoch }, found, FENCE)?.code).toBe(code);
  });
});
