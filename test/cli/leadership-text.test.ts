import { expect, test } from 'vitest';
import { leadershipLines } from '../../src/cli/leadership-text.ts';
import { LEADERSHIP } from '../server/fake-node.ts';

test('a leadership is told with its votes, its log, what is at risk and the outage', () => {
  expect(leadershipLines(LEADERSHIP)).toEqual([
    'promises from n1, n2; n1, n2 vouch for its log',
    'its log continues after 3.7',
    'at risk: records that only n3 may hold, from LSN 8 on, acknowledged at local at most; they are saved and cut when it comes back',
    '1234 ms after the last contact with a leader',
  ]);
  expect(leadershipLines({ ...LEADERSHIP, atRisk: null })).toContain(
    'at risk: nothing, all voters answered',
  );
});

test('what a server does not say is left out', () => {
  expect(leadershipLines(null)).toEqual([]);
  expect(leadershipLines({})).toEqual([]);
});
