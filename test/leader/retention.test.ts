import { describe, expect, test } from 'vitest';
import { forecast, heldLsn, WriteRate } from '../../src/leader/retention.ts';

/** Ten bytes a record, and a segment for every ten records. */
const log = (end: number) => ({
  boundaryBefore: (bytes: number) => Math.max(0, Math.floor((end - bytes / 10) / 10) * 10),
});

describe('log is kept', () => {
  test('for whoever is furthest behind', () => {
    const holds = [
      { nodeId: 'n2', lsn: 95, snapshot: false },
      { nodeId: 'n3', lsn: 71, snapshot: false },
    ];
    expect(heldLsn(holds, log(100), 1_000)).toBe(71);
  });

  test('no further back than the bound', () => {
    const holds = [{ nodeId: 'n3', lsn: 7, snapshot: false }];
    expect(heldLsn(holds, log(100), 300)).toBe(70);
  });

  test('twice as far for a snapshot that is on its way', () => {
    const holds = [
      { nodeId: 'n2', lsn: 0, snapshot: false },
      { nodeId: 'n3', lsn: 45, snapshot: true },
    ];
    expect(heldLsn(holds, log(100), 300)).toBe(45);
    expect(heldLsn([{ nodeId: 'n3', lsn: 7, snapshot: true }], log(100), 300)).toBe(40);
  });

  test('for nobody where nobody needs it', () => {
    expect(heldLsn([], log(100), 300)).toBe(Infinity);
  });
});

describe('the forecast', () => {
  const at = { lsn: 50, firstLsn: 41, bytesBehind: 500 };

  test('says what may still be written, and how long that takes', () => {
    expect(forecast(at, { retainBytesMax: 800, bytesPerSecond: 30 })).toEqual({
      bytesLeft: 300,
      secondsLeft: 10,
    });
  });

  test('knows no time while nothing is written', () => {
    expect(forecast(at, { retainBytesMax: 800, bytesPerSecond: 0 }).secondsLeft).toBeNull();
  });

  test('is over where the log is gone, or the bound is reached', () => {
    const over = { bytesLeft: 0, secondsLeft: 0 };
    expect(forecast(at, { retainBytesMax: 400, bytesPerSecond: 30 })).toEqual(over);
    expect(forecast({ ...at, firstLsn: 52 }, { retainBytesMax: 800, bytesPerSecond: 0 })).toEqual(
      over,
    );
    expect(forecast({ ...at, firstLsn: 51 }, { retainBytesMax: 800, bytesPerSecond: 1 })).toEqual({
      bytesLeft: 300,
      secondsLeft: 300,
    });
  });
});

test('the write rate follows what is written, and forgets what was', () => {
  const rate = new WriteRate(0, 0);
  for (let second = 1; second <= 30; second += 1) rate.sample(second * 1_000, second * 1_000);
  expect(rate.bytesPerSecond).toBeGreaterThan(990);
  rate.sample(30_000, 30_100);
  expect(rate.bytesPerSecond).toBeGreaterThan(990);
  for (let second = 31; second <= 80; second += 1) rate.sample(30_000, second * 1_000);
  expect(rate.bytesPerSecond).toBeLessThan(1);
});
