import { describe, expect, test } from 'vitest';
import type { LocalRead, Operation } from '../../src/check/history.ts';
import { judgeLocalReads } from '../../src/check/local-reads.ts';
import { del, put, version } from './register-history.ts';
import type { Span } from './register-history.ts';

function read(
  span: Span,
  parts: { applied: string; shows?: string; at?: string; min?: string; node?: string },
): LocalRead {
  const { applied, shows, at, min, node = 'n1 (life 1)' } = parts;
  const shown = at === undefined ? undefined : version(at);
  return {
    client: 'c',
    node,
    key: 'k',
    calledAt: span[0],
    returnedAt: span[1],
    minVersion: min === undefined ? undefined : version(min),
    applied: version(applied),
    found: shows === undefined ? undefined : { value: shows, version: shown },
  };
}

const GOOD: Readonly<Record<string, readonly [readonly Operation[], readonly LocalRead[]]>> = {
  'an old value at a node that is behind': [
    [put([0, 1], 'a', '1.1'), put([2, 3], 'b', '1.2')],
    [read([4, 5], { applied: '1.1', shows: 'a', at: '1.1' })],
  ],
  'its own write, as it asked': [
    [put([0, 1], 'a', '1.1'), put([2, 3], 'b', '1.2')],
    [read([4, 5], { applied: '1.2', shows: 'b', at: '1.2', min: '1.2' })],
  ],
  'an indeterminate write': [
    [put([0, 1], 'a', '1.1'), put([2, 3], 'b', '?')],
    [read([4, 5], { applied: '1.2', shows: 'b', at: '1.2' })],
  ],
  'nothing, after a delete whose outcome nobody knows': [
    [put([0, 1], 'a', '1.1'), del([2, 3], '?')],
    [read([4, 5], { applied: '1.2' })],
  ],
  'less in another life of the node': [
    [put([0, 1], 'a', '1.1')],
    [
      read([2, 3], { applied: '1.1', shows: 'a', at: '1.1' }),
      read([4, 5], { applied: '0.0', node: 'n1 (life 2)' }),
    ],
  ],
  'less in a read that overlaps the one that shows more': [
    [put([0, 1], 'a', '1.1')],
    [read([2, 5], { applied: '1.1', shows: 'a', at: '1.1' }), read([4, 9], { applied: '0.0' })],
  ],
  'what a later leadership kept': [
    [put([0, 1], 'a', '1.1')],
    [read([4, 5], { applied: '2.7', shows: 'a', at: '1.1' })],
  ],
};

const BAD: Readonly<Record<string, readonly [string, readonly Operation[], readonly LocalRead[]]>> =
  {
    'less than it asked for': [
      'OLDER_THAN_ASKED',
      [put([0, 1], 'a', '2.2')],
      [read([2, 3], { applied: '1.9', min: '2.2' })],
    ],
    'more than the node had applied': [
      'BEYOND_APPLIED',
      [put([0, 1], 'a', '1.2')],
      [read([2, 3], { applied: '1.1', shows: 'a', at: '1.2' })],
    ],
    'what was rejected': [
      'NEVER_WRITTEN',
      [put([0, 1], 'a', 'rejected')],
      [read([2, 3], { applied: '1.1', shows: 'a', at: '1.1' })],
    ],
    'what was written only later': [
      'NEVER_WRITTEN',
      [put([4, 5], 'a', '1.1')],
      [read([2, 3], { applied: '1.1', shows: 'a', at: '1.1' })],
    ],
    'an older value than the position of the node says': [
      'LACKS_WRITE',
      [put([0, 1], 'a', '1.1'), put([2, 3], 'b', '1.2')],
      [read([4, 5], { applied: '1.2', shows: 'a', at: '1.1' })],
    ],
    'nothing, where nobody deleted': [
      'LACKS_WRITE',
      [put([0, 1], 'a', '1.1')],
      [read([2, 3], { applied: '2.2' })],
    ],
    'nothing, where what was deleted was older': [
      'LACKS_WRITE',
      [del([0, 1], '1.1'), put([2, 3], 'a', '1.2')],
      [read([4, 5], { applied: '1.2' })],
    ],
    'a node that goes back': [
      'WENT_BACK',
      [put([0, 1], 'a', '1.1')],
      [read([2, 3], { applied: '1.1', shows: 'a', at: '1.1' }), read([4, 5], { applied: '0.0' })],
    ],
  };

describe('local reads keep their word with', () => {
  test.for(Object.entries(GOOD))('%s', ([, [operations, localReads]]) => {
    expect(judgeLocalReads({ operations, localReads })).toBeUndefined();
  });
});

describe('local reads break their word with', () => {
  test.for(Object.entries(BAD))('%s', ([, [code, operations, localReads]]) => {
    expect(judgeLocalReads({ operations, localReads })).toMatchObject({ code });
  });
});
