import { expect, test } from 'vitest';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate } from '../../src/sim/sim-world.ts';
import { MiB } from '../../src/ports/units.ts';
import { Log } from '../../src/wal/log.ts';
import { MetaStore } from '../../src/wal/files/meta.ts';
import { OP } from '../../src/wal/format/record.ts';

const ID = '1'.repeat(32);
const SEGMENT_BYTES = 8 * MiB;

test('a log begins with a small segment, and goes on in ones of full size', async () => {
  await simulate(1, async (world) => {
    const process = world.process();
    const sim = new SimDisk({ seed: 1 });
    const disk = sim.mount(process);
    await disk.makeDir('/data');
    const meta = await MetaStore.open(disk, '/data', { hasLog: false, nodeId: 'n1' });
    const { entropy } = sim;
    const parts = { disk, clock: process, entropy, dir: '/data', meta, voters: 1 };
    const log = await Log.open({ ...parts, segmentBytes: SEGMENT_BYTES });
    const sizes = (): number[] =>
      sim
        .paths()
        .filter((path) => path.endsWith('.wal'))
        .map((path) => sim.contentOf(path)?.length ?? 0);
    await log.begin({ clusterId: ID, historyId: ID });
    expect(sizes()).toEqual([2 * MiB]);

    const entry = { epoch: 1, leader: 'n1', historyId: ID, voters: ['n1'], quorum: 1 };
    log.lead(entry, () => ({ commitLsn: 0, wallMs: 0 }));
    for (let index = 0; index < 3; index += 1) {
      const value = Buffer.alloc(MiB, index);
      log.append([{ op: OP.PUT, key: Buffer.from(`k${index}`), value }]);
      await log.drained();
    }
    const { lsn } = log.durable;
    await log.close();

    expect(lsn).toBe(4);
    expect(sizes().at(-1)).toBe(SEGMENT_BYTES);
    const again = await MetaStore.open(disk, '/data', { hasLog: true, nodeId: 'n1' });
    const reopened = await Log.open({ ...parts, meta: again, segmentBytes: SEGMENT_BYTES });
    expect(reopened.durable.lsn).toBe(lsn);
    expect(reopened.recovery.row).toBe('end');
    await reopened.close();
  });
});
