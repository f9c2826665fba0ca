import { describe, expect, test } from 'vitest';
import { GOOD_PATH } from '../../../src/drill/target/network-path.ts';
import { PathTable } from '../../../src/drill/target/path-table.ts';

const IDS = ['n1', 'n2', 'n3'];

function cuts(table: PathTable): readonly string[] {
  return IDS.flatMap((from) =>
    IDS.filter((to) => to !== from && table.path(from, to).cut).map((to) => `${from}>${to}`),
  );
}

describe('the paths between nodes', () => {
  test('are good until something happens to them', () => {
    expect(new PathTable(IDS).path('n1', 'n2')).toBe(GOOD_PATH);
  });

  test('are cut in one direction, and around a node in both', () => {
    const table = new PathTable(IDS);
    table.apply({ kind: 'cut', from: 'n1', to: 'n2' });
    expect(cuts(table)).toEqual(['n1>n2']);

    table.apply({ kind: 'isolate', node: 'n3' });

    expect(cuts(table)).toEqual(['n1>n2', 'n1>n3', 'n2>n3', 'n3>n1', 'n3>n2']);
  });

  test('are cut between groups only, whatever was cut before', () => {
    const table = new PathTable(IDS);
    table.apply({ kind: 'isolate', node: 'n1' });

    table.apply({ kind: 'partition', groups: [['n1', 'n2'], ['n3']] });

    expect(cuts(table)).toEqual(['n1>n3', 'n2>n3', 'n3>n1', 'n3>n2']);
  });

  test('keep a delay beside a loss, and neither once they are healed', () => {
    const table = new PathTable(IDS);
    table.apply({ kind: 'delay', from: 'n1', to: 'n2', ms: 30, jitterMs: 5 });
    table.apply({ kind: 'loss', from: 'n1', to: 'n2', share: 0.1 });
    expect(table.path('n1', 'n2')).toMatchObject({ delayMs: 30, jitterMs: 5, lossShare: 0.1 });

    table.apply({ kind: 'heal-network' });

    expect(table.path('n1', 'n2')).toBe(GOOD_PATH);
  });
});
