import { expect, test } from 'vitest';
import { loadScenario } from '../../src/drill/catalog.ts';
import { cannot, faultsOf } from '../../src/drill/needs.ts';

test('a scenario needs its faults, and no order of an operator', () => {
  expect(faultsOf(loadScenario('leader-kill'))).toEqual(['kill', 'start']);
});

test('a scenario is refused where a target cannot do one of its faults, which is named', () => {
  const scenario = loadScenario('leader-kill');

  expect(cannot(scenario, new Set(['kill', 'start', 'pause']))).toBeUndefined();
  expect(cannot(scenario, new Set(['start']))).toBe('this target cannot do kill');
});
