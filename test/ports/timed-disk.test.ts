import { expect, test } from 'vitest';
import { TimedDisk } from '../../src/ports/timed-disk.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate } from '../../src/sim/sim-world.ts';

test('only durable writes to the log are measured', async () => {
  await simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1, latency: { readMs: 1, writeMs: 2, syncMs: 5 } });
    const clock = world.process();
    const measured: number[] = [];
    const disk = new TimedDisk(sim.mount(clock), clock, (ms) => measured.push(ms));
    await disk.makeDir('/data/wal');
    const log = await disk.open('/data/wal/1.wal', 'create');
    const meta = await disk.open('/data/meta.json', 'create');

    await log.write(Buffer.from('a'), 0);
    await log.sync();
    await meta.writeDurable(Buffer.from('a'), 0);
    expect(measured).toEqual([]);

    const startMs = clock.nowMs();
    await log.writeDurable(Buffer.from('a'), 0);
    expect(measured).toEqual([clock.nowMs() - startMs]);
  });
});
