import { describe, expect, test } from 'vitest';
import { NobodyNamed, StepNames, resolveAction } from '../../../src/drill/scenario/names.ts';
import type { NodeNow } from '../../../src/drill/scenario/names.ts';
import { SeededEntropy } from '../../../src/ports/seeded-entropy.ts';

function node(nodeId: string, more: Partial<NodeNow> = {}): NodeNow {
  return { nodeId, up: true, leads: false, epoch: 1, durable: { epoch: 1, lsn: 10 }, ...more };
}

function names(
  nodes: readonly NodeNow[],
  given: Readonly<Record<string, readonly string[]>> = {},
  seed = 1,
): StepNames {
  return new StepNames({ nodes, given: new Map(Object.entries(given)) }, new SeededEntropy(seed));
}

const THREE = [
  node('n1', { leads: true }),
  node('n2', { durable: { epoch: 1, lsn: 12 } }),
  node('n3'),
];

describe('a name in a step', () => {
  const rows: readonly (readonly [string, readonly NodeNow[], string, readonly string[]])[] = [
    ['an id is that node', THREE, 'n3', ['n3']],
    ['the leader is who says so', THREE, 'leader', ['n1']],
    [
      'of two who say so it is the one in the higher epoch',
      [node('n1', { leads: true }), node('n2', { leads: true, epoch: 2 })],
      'leader',
      ['n2'],
    ],
    ['the newest is the one whose log goes furthest, without the leader', THREE, 'newest', ['n2']],
    [
      'the newest goes by epoch before LSN',
      [
        node('n1', { durable: { epoch: 1, lsn: 99 } }),
        node('n2', { durable: { epoch: 2, lsn: 5 } }),
      ],
      'newest',
      ['n2'],
    ],
    [
      'the newest runs',
      [node('n1', { durable: { epoch: 3, lsn: 9 }, up: false }), node('n2')],
      'newest',
      ['n2'],
    ],
    ['all are all', THREE, 'all', ['n1', 'n2', 'n3']],
    ['up and down are told apart', [node('n1', { up: false }), node('n2')], 'down', ['n1']],
    [
      'followers run and do not lead',
      [...THREE, node('n4', { up: false })],
      'followers',
      ['n2', 'n3'],
    ],
  ];

  test.for(rows)('%s', ([, nodes, name, expected]) => {
    expect(names(nodes).resolve([name])).toEqual(expected);
  });

  test('follower is one without a given name, where there is one', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      expect(names(THREE, { slow: ['n2'] }, seed).resolve(['follower'])).toEqual(['n3']);
    }
    expect(names(THREE, { slow: ['n2', 'n3'] }).resolve(['follower'])[0]).toMatch(/n2|n3/);
  });

  test('other is one that neither leads nor has a given name, even where it is down', () => {
    const nodes = [...THREE.slice(0, 2), node('n3', { up: false })];

    expect(names(nodes, { old: ['n2'] }).resolve(['other'])).toEqual(['n3']);
  });

  test('is chosen by the seed, and means the same node everywhere in its step', () => {
    const chosen = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const step = names(THREE, {}, seed);
      const [first = ''] = step.resolve(['follower']);
      expect(step.resolve(['follower'])).toEqual([first]);
      expect(names(THREE, {}, seed).resolve(['follower'])).toEqual([first]);
      chosen.add(first);
    }
    expect([...chosen].toSorted()).toEqual(['n2', 'n3']);
  });

  test('that means nobody is said to', () => {
    const nobodyLeads = THREE.slice(1);

    expect(() => names(nobodyLeads).resolve(['leader'])).toThrow(NobodyNamed);
    expect(() => names([]).resolve(['follower'])).toThrow('no node is follower now');
    expect(names(THREE).resolve(['down'])).toEqual([]);
  });
});

describe('an action', () => {
  test('on several nodes is one order for each', () => {
    const action = { kind: 'kill', node: ['leader', 'n3', 'n1'] } as const;

    expect(resolveAction(action, names(THREE))).toEqual([
      { kind: 'kill', node: 'n1' },
      { kind: 'kill', node: 'n3' },
    ]);
  });

  test('on links is one order for each two different nodes', () => {
    const action = { kind: 'cut', from: ['n1', 'n2'], to: ['all'] } as const;

    expect(resolveAction(action, names(THREE))).toEqual([
      { kind: 'cut', from: 'n1', to: 'n2' },
      { kind: 'cut', from: 'n1', to: 'n3' },
      { kind: 'cut', from: 'n2', to: 'n1' },
      { kind: 'cut', from: 'n2', to: 'n3' },
    ]);
  });

  test('on the power is one order for all', () => {
    const action = { kind: 'power-cut', nodes: ['all'] } as const;

    expect(resolveAction(action, names(THREE))).toEqual([
      { kind: 'power-cut', nodes: ['n1', 'n2', 'n3'] },
    ]);
  });
});
