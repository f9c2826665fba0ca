import { describe, expect, test } from 'vitest';
import { SimClock, SimProcess } from '../../src/sim/sim-clock.ts';
import { SeededEntropy } from '../../src/ports/seeded-entropy.ts';
import { simulate, SimWorld } from '../../src/sim/sim-world.ts';

describe('simulated time', () => {
  test('runs events by time, and those of one moment in the order of their scheduling', () => {
    const clock = new SimClock();
    const seen: string[] = [];
    clock.schedule(5, () => seen.push('c'));
    clock.schedule(1, () => seen.push('a'));
    clock.schedule(5, () => seen.push('d'));
    clock.schedule(1, () => seen.push('b'));
    const cancel = clock.schedule(2, () => seen.push('cancelled'));
    cancel();

    while (clock.step());

    expect(seen).toEqual(['a', 'b', 'c', 'd']);
    expect(clock.nowMs()).toBe(5);
  });

  test('keeps the order of many events', () => {
    const clock = new SimClock();
    const entropy = new SeededEntropy(7);
    const seen: number[] = [];
    const due = Array.from({ length: 2000 }, () => entropy.below(300));
    for (const at of due) clock.schedule(at, () => seen.push(at));

    while (clock.step());

    expect(seen).toEqual(due.toSorted((a, b) => a - b));
  });

  test('a killed process hears nothing, a paused one hears everything later and in order', () => {
    const clock = new SimClock();
    const seen: string[] = [];
    const [killed, paused] = [new SimProcess(clock), new SimProcess(clock)];
    killed.after(1, () => seen.push('killed'));
    paused.after(1, () => seen.push(`one at ${paused.nowMs()}`));
    paused.after(2, () => seen.push(`two at ${paused.nowMs()}`));
    paused.pause(10);
    killed.kill();

    while (clock.step());

    expect(seen).toEqual(['one at 10', 'two at 10']);
  });
});

describe('a clock that is too fast', () => {
  test('shows more time than there was, and wakes its process early', () => {
    const clock = new SimClock();
    const [fast, right] = [new SimProcess(clock, { rate: 2 }), new SimProcess(clock)];
    const seen: string[] = [];
    fast.after(10, () => seen.push(`fast ${fast.nowMs()} at ${fast.now()}`));
    right.after(10, () => seen.push(`right ${right.nowMs()} at ${right.now()}`));
    const walls = fast.wallMs() - right.wallMs();

    while (clock.step());

    expect(seen).toEqual(['fast 10 at 5', 'right 10 at 10']);
    expect(fast.wallMs() - right.wallMs() - walls).toBe(10);
  });
});

describe('a simulated world', () => {
  test('runs until the task is done, in virtual time', async () => {
    const ms = await simulate(1, async (world) => {
      const process = world.process();
      const before = process.nowMs();
      for (let round = 0; round < 100; round += 1) {
        await new Promise<void>((resolve) => {
          process.after(1000, resolve);
        });
      }
      return process.nowMs() - before;
    });

    expect(ms).toBe(100_000);
  });

  test('names the seed when the task fails, waits for ever, or an event throws', async () => {
    const fail = simulate(41, () => Promise.reject(new Error('broken')));
    await expect(fail).rejects.toThrow('broken (seed 41');

    const wait = simulate(42, () => new Promise(() => undefined));
    await expect(wait).rejects.toThrow('nothing is left to happen, and it waits (seed 42');

    const world = new SimWorld(43);
    world.clock.schedule(1, () => {
      throw new Error('in an event');
    });
    await expect(world.run(new Promise(() => undefined))).rejects.toThrow('in an event (seed 43');
  });

  test('equal seeds draw equally, other seeds and forks do not', () => {
    const draw = (entropy: SeededEntropy): string => entropy.bytes(16).toString('hex');

    expect(draw(new SeededEntropy(1))).toBe(draw(new SeededEntropy(1)));
    expect(draw(new SeededEntropy(1))).not.toBe(draw(new SeededEntropy(2)));
    expect(draw(new SeededEntropy(1).fork('a'))).not.toBe(draw(new SeededEntropy(1).fork('b')));
    const counts = [0, 0, 0, 0];
    const entropy = new SeededEntropy(3);
    for (let n = 0; n < 4000; n += 1) {
      const index = entropy.below(4);
      counts[index] = (counts[index] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
