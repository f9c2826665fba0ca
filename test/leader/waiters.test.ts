/** Goal: whoever waits hears exactly once: that its LSN is reached, that its time is over, or that nothing more comes. */
import { expect, test } from 'vitest';
import { WalshipError } from '../../src/errors.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { TOLD_PER_TURN, Waiters } from '../../src/leader/waiters.ts';

interface Stage {
  readonly waiters: Waiters<string>;
  readonly passTo: (nowMs: number) => void;
  /** Runs what was put off to the next turn. */
  readonly turn: () => void;
  readonly wait: (mark: number, timeoutMs?: number) => Promise<string>;
}

/** Answers of waiters are the mark they waited for, or the code of their error. */
function stage(): Stage {
  const time = { nowMs: 0 };
  const soon: (() => void)[] = [];
  const clock: Clock = {
    nowMs: () => time.nowMs,
    wallMs: () => 0,
    after: () => () => undefined,
    soon: (run) => void soon.push(run),
  };
  const waiters = new Waiters<string>(clock);
  const wait = (mark: number, timeoutMs = 100): Promise<string> => {
    const reached = (): string => String(mark);
    const expired = (): WalshipError => new WalshipError('COMMIT_TIMEOUT', `of ${mark}`);
    const waiting = waiters.wait({ mark, timeoutMs, reached, expired });
    return waiting.catch((error: unknown) => (error as WalshipError).code);
  };
  const turn = (): void => soon.shift()?.();
  return { waiters, wait, turn, passTo: (nowMs) => (time.nowMs = nowMs) };
}

test('what is reached resolves with its own answer, whatever the order in which it came', async () => {
  const { waiters, wait } = stage();
  const all = [wait(5), wait(2), wait(9)];
  waiters.reach(5);
  expect(waiters.count).toBe(1);
  waiters.reach(9);

  expect(await Promise.all(all)).toEqual(['5', '2', '9']);
  expect(waiters.count).toBe(0);
});

test('whose time is over is rejected, and the others wait on', async () => {
  const { waiters, wait, passTo } = stage();
  const long = wait(1, 200);
  const short = wait(2, 50);
  passTo(49);
  waiters.expire();
  expect(waiters.count).toBe(2);
  passTo(50);
  waiters.expire();
  expect(await short).toBe('COMMIT_TIMEOUT');
  expect(waiters.count).toBe(1);
  passTo(200);
  waiters.expire();

  expect(await long).toBe('COMMIT_TIMEOUT');
});

test('a wait that begins after another one expired expires at its own time', async () => {
  const { waiters, wait, passTo } = stage();
  const first = wait(1, 10);
  passTo(10);
  waiters.expire();
  const second = wait(1, 10);
  passTo(20);
  waiters.expire();

  expect(await Promise.all([first, second])).toEqual(['COMMIT_TIMEOUT', 'COMMIT_TIMEOUT']);
});

test('where nothing more comes, all that wait hear why, with their LSN', async () => {
  const { waiters, wait } = stage();
  const all = [wait(3), wait(4)];
  const seen: number[] = [];
  waiters.fail((lsn) => {
    seen.push(lsn);
    return new WalshipError('STALE_EPOCH', 'over');
  });

  expect(await Promise.all(all)).toEqual(['STALE_EPOCH', 'STALE_EPOCH']);
  expect(seen).toEqual([3, 4]);
});

test('thousands that are done are told in several turns, in order, whatever comes meanwhile', async () => {
  const { waiters, wait, turn, passTo } = stage();
  const told: string[] = [];
  const all = Array.from({ length: 5_000 }, async (_, index) => {
    const answer = await wait(index + 1);
    told.push(answer);
    return answer;
  });
  waiters.reach(3_000);
  await Promise.resolve();
  // Those who are not told yet still count.
  expect(waiters.count).toBe(5_000 - TOLD_PER_TURN);
  passTo(100);
  waiters.expire();
  waiters.fail(() => new WalshipError('NODE_CLOSED', 'closed'));
  for (let turns = 0; waiters.count > 0; turns += 1) {
    expect(turns).toBeLessThan(5_000 / TOLD_PER_TURN);
    turn();
  }

  await Promise.all(all);
  const reached = Array.from({ length: 3_000 }, (_, index) => String(index + 1));
  expect(told.slice(0, 3_000)).toEqual(reached);
  expect(new Set(told.slice(3_000))).toEqual(new Set(['COMMIT_TIMEOUT']));
});
