import { describe, expect, test } from 'vitest';
import { filterRules, shapingRules } from '../../../src/drill/target/container-rules.ts';
import { GOOD_PATH } from '../../../src/drill/target/network-path.ts';
import type { PathCondition } from '../../../src/drill/target/network-path.ts';

const ADDRESS = '172.18.0.3';

function neighbour(incoming: Partial<PathCondition>, outgoing: Partial<PathCondition> = {}) {
  return [
    {
      address: ADDRESS,
      incoming: { ...GOOD_PATH, ...incoming },
      outgoing: { ...GOOD_PATH, ...outgoing },
    },
  ];
}

describe('what a container lets in', () => {
  test('is everything over a good path, whatever was forbidden before', () => {
    expect(filterRules(neighbour({}))).toBe('*filter\n:WALSHIP_DRILL - [0:0]\nCOMMIT\n');
  });

  test('is nothing of a node behind a cut of both directions', () => {
    const rules = filterRules(neighbour({ cut: true }, { cut: true }));

    expect(rules).toContain(`-A WALSHIP_DRILL -s ${ADDRESS} -j DROP\n`);
  });

  test('is acknowledgements alone where one direction is cut: no data, no opening and no end of a connection', () => {
    const rules = filterRules(neighbour({ cut: true }));

    expect(rules.split('\n').filter((line) => line.startsWith('-A'))).toEqual([
      `-A WALSHIP_DRILL -s ${ADDRESS} -p tcp --tcp-flags SYN,ACK SYN -j DROP`,
      `-A WALSHIP_DRILL -s ${ADDRESS} -p tcp --tcp-flags PSH PSH -j DROP`,
      `-A WALSHIP_DRILL -s ${ADDRESS} -p tcp --tcp-flags FIN FIN -j DROP`,
      `-A WALSHIP_DRILL -s ${ADDRESS} -p tcp --tcp-flags RST RST -j DROP`,
      `-A WALSHIP_DRILL -s ${ADDRESS} -m length --length 61:65535 -j DROP`,
    ]);
  });

  test('is not asked where only the other direction is cut', () => {
    expect(filterRules(neighbour({}, { cut: true }))).not.toContain('DROP');
  });

  test('is a share of what comes over a path that loses', () => {
    expect(filterRules(neighbour({ lossShare: 0.25 }))).toContain('--probability 0.25 -j DROP');
  });
});

describe('how a container sends', () => {
  test('is as it is over good paths, and over those that are only cut', () => {
    expect(shapingRules(neighbour({ cut: true, delayMs: 5 }, { cut: true }))).toBe('');
  });

  test('is slow to the node behind a narrow path, and to no other', () => {
    const rules = shapingRules(neighbour({}, { bytesPerSecond: 1_000 }));

    expect(rules).toContain('classid 1:10 htb rate 8000bit');
    expect(rules).toContain(`match ip dst ${ADDRESS}/32 flowid 1:10\n`);
    expect(rules).toContain('htb default 1\n');
    expect(rules).not.toContain('netem');
  });

  test('is late by the delay and up to the jitter', () => {
    const rules = shapingRules(neighbour({}, { delayMs: 100, jitterMs: 40 }));

    expect(rules).toContain('parent 1:10 handle 10: netem delay 120ms 20ms');
  });
});
