import { expect, test } from 'vitest';
import { loadScenario } from '../../../src/drill/scenario/catalog.ts';
import { cannot, faultsOf, mayPurge } from '../../../src/drill/scenario/needs.ts';
import { parseScenario } from '../../../src/drill/scenario/scenario-file.ts';

test('a scenario needs its faults, and no order of an operator', () => {
  expect(faultsOf(loadScenario('leader-kill'))).toEqual(['kill', 'start']);
});

test('a scenario is refused where a target cannot do one of its faults, which is named', () => {
  const scenario = loadScenario('leader-kill');

  expect(cannot(scenario, new Set(['kill', 'start', 'pause']))).toBeUndefined();
  expect(cannot(scenario, new Set(['start']))).toBe('this target cannot do kill');
});

test('a scenario is refused with what its fault needs, where that can be had', () => {
  expect(cannot(loadScenario('idle-clients'), new Set(['kill', 'start']))).toBe(
    'this target cannot do idle-clients (it needs a limit of open files of 8192, see ulimit -Hn), clients-leave',
  );
});

test('a node without descriptors needs prlimit, and says so', () => {
  expect(cannot(loadScenario('no-descriptors'), new Set(['kill', 'start']))).toContain(
    'no-descriptors (it needs nodes that are processes of this Linux machine, and prlimit of util-linux)',
  );
});

test('log is purged only where a scenario bounds it, or has snapshots taken', () => {
  const steps = 'steps:\n  - { after: 1s, kill: leader }\n';
  const mine = (more: string): ReturnType<typeof parseScenario> =>
    parseScenario(`name: a\nabout: A.\n${more}`, 'a');

  expect(mayPurge(mine(steps))).toBe(false);
  expect(mayPurge(mine(`cluster: { options: { segmentBytes: 8192 } }\n${steps}`))).toBe(false);
  expect(mayPurge(mine(`cluster: { options: { retainBytesMax: 9 } }\n${steps}`))).toBe(true);
  expect(mayPurge(mine(`${steps}  - { snapshot: leader }\n`))).toBe(true);
});
