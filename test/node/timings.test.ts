import { expect, test } from 'vitest';
import { ApplyLag, Timings } from '../../src/node/timings.ts';
import type { SimProcess } from '../../src/sim/sim-clock.ts';
import { SimWorld } from '../../src/sim/sim-world.ts';

test('the lag is from a commit until it is applied, one commit at a time', async () => {
  const world = new SimWorld(1);
  const clock: SimProcess = world.process();
  const timings = new Timings();
  const seen: [string, number][] = [];
  timings.listen((name, ms) => seen.push([name, Math.round(ms)]));
  const lag = new ApplyLag(clock, timings);

  await world.run(
    (async () => {
      lag.committed(5);
      await world.pass(10);
      lag.committed(7);
      lag.applied(4);
      await world.pass(10);
      lag.applied(5);
      lag.applied(7);
    })(),
  );

  expect(seen).toEqual([['apply', 20]]);
});
