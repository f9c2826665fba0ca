import { expect, test } from 'vitest';
import { WalshipError } from '../../../src/errors.ts';
import { EVENTS_MAX, EventLog } from '../../../src/node/api/event-log.ts';

function logOf(count: number): EventLog {
  let timeMs = 0;
  const log = new EventLog(() => (timeMs += 10));
  for (let number = 1; number <= count; number += 1) {
    log.note({ level: 'info', code: 'FOLLOWING', message: `in epoch ${number}`, epoch: number });
  }
  return log;
}

test('events are numbered from 1, and asked for from where one stopped', () => {
  const log = logOf(3);

  expect(log.after(0, 2)).toEqual({
    oldest: 1,
    next: 2,
    events: [1, 2].map((number) => ({
      seq: number,
      timeMs: number * 10,
      level: 'info',
      code: 'FOLLOWING',
      message: `in epoch ${number}`,
      details: { epoch: number },
      times: 1,
    })),
  });
  expect(log.after(2, 10).events.map(({ seq }) => seq)).toEqual([3]);
  expect(log.after(3, 10)).toEqual({ oldest: 1, next: 3, events: [] });
});

test('the oldest events give way, and it shows', () => {
  const log = logOf(EVENTS_MAX + 5);
  const page = log.after(0, EVENTS_MAX);

  expect(page.oldest).toBe(6);
  expect(page.events).toHaveLength(EVENTS_MAX);
});

test('what comes up again and again is one event, counted each time', () => {
  const log = logOf(0);
  const event = { level: 'warn', code: 'NO_QUORUM', message: 'too few' } as const;
  for (let time = 1; time <= 5; time += 1) log.note(event);

  expect(log.after(0, 10).events).toMatchObject([{ seq: 1, timeMs: 10, times: 5 }]);
  expect(log.counts).toEqual({ NO_QUORUM: 5 });
});

test('what a person asked for in vain is an event, and fails as it did', async () => {
  const log = logOf(0);
  const refused = Promise.reject(new WalshipError('NO_QUORUM', 'this node may not lead'));

  await expect(log.watch('promote', refused)).rejects.toMatchObject({ code: 'NO_QUORUM' });
  await expect(log.watch('promote', Promise.resolve(1))).resolves.toBe(1);
  expect(log.after(0, 10).events).toMatchObject([
    {
      level: 'warn',
      code: 'NO_QUORUM',
      message: 'promote was requested and failed: this node may not lead',
    },
  ]);
});

test('a number of an earlier run of the process does not hide what happens in this one', () => {
  expect(logOf(2).after(100, 10)).toMatchObject({ next: 2 });
});
