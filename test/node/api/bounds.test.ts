import { expect, test } from 'vitest';
import { Bounds } from '../../../src/node/api/bounds.ts';
import type { NodeEvent } from '../../../src/node/api/events.ts';

test('a bound that is near is told once, and again only after it was far', () => {
  const events: NodeEvent[] = [];
  const bounds = new Bounds((event) => events.push(event));
  let used = 79;
  bounds.add({ name: 'things', max: 100, used: () => used });
  const told: number[] = [];
  for (used of [79, 80, 100, 75, 85, 69, 79, 80]) {
    bounds.look();
    told.push(events.length);
  }

  expect(told).toEqual([0, 1, 1, 1, 1, 1, 1, 2]);
  expect(events[0]).toEqual({
    level: 'warn',
    code: 'BOUND_NEAR',
    message: 'things: 80 of at most 100',
  });
  expect(bounds.warnings).toEqual([{ code: 'BOUND_NEAR', message: 'things: 80 of at most 100' }]);
  expect(bounds.status).toEqual([{ name: 'things', used: 80, max: 100 }]);
});
