import { expect, test } from 'vitest';
import { ProbeNumbers } from '../../src/leader/probes.ts';

test('an answer to a probe that was not asked is none, and proves nothing', () => {
  const probes = new ProbeNumbers();
  expect(probes.answer(1)).toBe(false);
  probes.asked = 3;

  expect([probes.answer(3), probes.answered]).toEqual([true, 3]);
  expect([probes.answer(2), probes.answered]).toEqual([true, 3]);
  expect([probes.answer(2 ** 53 - 1), probes.answered]).toEqual([false, 3]);
});
