import { describe, expect, test } from 'vitest';
import {
  FOLLOW_RETRY_MS,
  FOLLOW_RETRY_MS_MAX,
  FollowPause,
} from '../../../src/node/role/follow-pause.ts';
import { simulate } from '../../../src/sim/sim-world.ts';

const FULL = { code: 'SAVED_FULL', message: 'no room', followed: false };

describe('a node that could not take what a leader gave', () => {
  test('asks again after ever longer pauses, up to a bound', () =>
    simulate(1, async (world) => {
      const pause = new FollowPause(world.process());
      const pauses: number[] = [];
      for (let count = 0; count < 8; count += 1) {
        pause.ended('n1', FULL);
        const sinceMs = world.clock.nowMs();
        while (pause.waits) await world.pass(FOLLOW_RETRY_MS);
        pauses.push((world.clock.nowMs() - sinceMs) / FOLLOW_RETRY_MS);
      }
      const longest = FOLLOW_RETRY_MS_MAX / FOLLOW_RETRY_MS;
      expect(pauses).toEqual([1, 2, 4, 8, 16, longest, longest, longest]);
    }));

  test('says why, until it follows; then the pauses begin anew', () =>
    simulate(1, async (world) => {
      const pause = new FollowPause(world.process());
      pause.ended('n1', FULL);
      const told = pause.ended('n1', FULL);
      expect(told).toEqual({
        code: 'SAVED_FULL',
        message: 'this node cannot follow n1: no room; it tries again after 2 s',
      });
      expect(pause.reason).toEqual(told);

      pause.follows();
      expect(pause.reason).toBeUndefined();
      expect(pause.waits).toBe(false);
      expect(pause.ended('n1', FULL)?.message).toContain('after 1 s');
    }));

  test.for([
    { code: 'LINK_CLOSED', message: 'gone', followed: false },
    { code: 'NOT_LEADER', message: 'another leads', followed: false },
    { code: 'DISK_FULL', message: 'no room', followed: true },
  ])('asks at once where a session ends otherwise: $code', (end) =>
    simulate(1, async (world) => {
      const pause = new FollowPause(world.process());
      expect(pause.ended('n1', end)).toBeUndefined();
      expect(pause.waits).toBe(false);
    }),
  );
});
