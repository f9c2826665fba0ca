import { expect, test } from 'vitest';
import { whatWouldHelp } from '../../../src/node/orders/promote.ts';

test.for<[string, readonly (readonly [string, string])[], RegExp]>([
  [
    'a voter that is ahead is named first',
    [
      ['n2', 'VOTER_AHEAD'],
      ['n3', 'PEER_UNREACHABLE'],
    ],
    /^promote n2 instead/,
  ],
  [
    'of several that are ahead any will do',
    [
      ['n2', 'VOTER_AHEAD'],
      ['n3', 'VOTER_AHEAD'],
    ],
    /^promote n2 or n3 instead/,
  ],
  [
    'those that are away are named',
    [
      ['n1', 'PEER_UNREACHABLE'],
      ['n2', 'OK'],
    ],
    /^bring n1 back/,
  ],
  ['an attempt that overtook this one', [['n1', 'STALE_EPOCH']], /in progress at n1/],
  [
    'each refusal has its own words',
    [
      ['n1', 'CONFIG_MISMATCH'],
      ['n2', 'PEER_UNREACHABLE'],
    ],
    /^start n1 with the same --peers.*; bring n2 back/,
  ],
  ['this node itself', [['this node', 'CANDIDATE_BLANK']], /^promote a voter with a log/],
  ['anything else', [['n1', 'OK']], /walship status/],
])('a refused promotion says what would help: %s', ([, answers, expected]) => {
  const refusals = answers.map(([nodeId, code]) => ({ nodeId, code }));

  expect(whatWouldHelp(refusals)).toMatch(expected);
});
