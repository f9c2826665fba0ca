import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../src/drill/faults/fault.ts';
import { leftToHeal, scaledMs } from '../../../src/drill/faults/left-to-heal.ts';

describe('what is left to heal', () => {
  const rows: readonly (readonly [
    string,
    readonly Fault[],
    Partial<ReturnType<typeof leftToHeal>>,
  ])[] = [
    ['nothing after nothing', [], {}],
    ['the network after a cut', [{ kind: 'cut', from: 'n1', to: 'n2' }], { network: true }],
    [
      'nothing of it once it was healed',
      [{ kind: 'isolate', node: 'n1' }, { kind: 'heal-network' }],
      {},
    ],
    [
      'the network where it broke again',
      [{ kind: 'heal-network' }, { kind: 'partition', groups: [['n1'], ['n2']] }],
      { network: true },
    ],
    ['no connection that was reset', [{ kind: 'reset', from: 'n1', to: 'n2' }], {}],
    [
      'disks that were not healed',
      [
        { kind: 'disk-full', node: 'n1' },
        { kind: 'disk-slow', node: 'n2', ms: 5, part: 'wal' },
        { kind: 'no-inodes', node: 'n3' },
        { kind: 'heal-disk', node: 'n1' },
      ],
      { disks: ['n2', 'n3'] },
    ],
    [
      'the crowds that are still there',
      [
        { kind: 'idle-clients', node: 'n1', count: 9, unfinished: false },
        { kind: 'idle-clients', node: 'n2', count: 9, unfinished: true },
        { kind: 'clients-leave', node: 'n1' },
      ],
      { crowded: ['n2'] },
    ],
    [
      'the descriptors of processes that run without them',
      [
        { kind: 'no-descriptors', node: 'n1' },
        { kind: 'no-descriptors', node: 'n2' },
        { kind: 'no-descriptors', node: 'n3' },
        { kind: 'no-descriptors', node: 'n4' },
        { kind: 'heal-descriptors', node: 'n1' },
        { kind: 'kill', node: 'n3' },
        { kind: 'power-cut', nodes: ['n4'] },
      ],
      { starved: ['n2'] },
    ],
    ['who is paused', [{ kind: 'pause', node: 'n1' }], { paused: ['n1'] }],
    [
      'nobody whose process ended while paused',
      [
        { kind: 'pause', node: 'n1' },
        { kind: 'pause', node: 'n2' },
        { kind: 'pause', node: 'n3' },
        { kind: 'kill', node: 'n1' },
        { kind: 'power-cut', nodes: ['n2'] },
        { kind: 'stop', node: 'n3' },
      ],
      {},
    ],
  ];

  test.for(rows)('is %s', ([, faults, expected]) => {
    expect(leftToHeal(faults)).toEqual({
      network: false,
      disks: [],
      paused: [],
      crowded: [],
      starved: [],
      ...expected,
    });
  });
});

test('pauses are scaled by what the drill is to take, and are their own otherwise', () => {
  expect(scaledMs(2_000, { ownMs: 10_000, durationMs: undefined })).toBe(2_000);
  expect(scaledMs(2_000, { ownMs: 10_000, durationMs: 30_000 })).toBe(6_000);
  expect(scaledMs(2_000, { ownMs: 10_000, durationMs: 1_000 })).toBe(200);
});
