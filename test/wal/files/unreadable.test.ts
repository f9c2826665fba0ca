/**
 * Goal: a sector that the disk cannot read, found by recovery, is damage like any other: what reads is saved and kept, and the LSNs are named.
 * Method: logs on a simulated disk that loses sectors for good while their node is down.
 */
import { expect, test } from 'vitest';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../../src/sim/sim-world.ts';
import { BLOCK_BYTES } from '../../../src/wal/format/limits.ts';
import { listSaved, savedPath } from '../../../src/wal/files/saved.ts';
import { readingOver, UNREADABLE_BLOCKS_MAX } from '../../../src/wal/files/unreadable.ts';
import { append, lead, LogModel, openLife, readTexts } from '../log-lives.ts';

const SEGMENT = '/data/wal/00000000000000000001.wal';

/** Runs `main` with the log of one segment and seven records of which one is larger than a block; its process is dead. */
async function withLog(
  main: (stage: { world: SimWorld; sim: SimDisk; model: LogModel }) => Promise<void>,
): Promise<void> {
  await simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const model = new LogModel();
    const life = await openLife(world, sim, 3);
    await lead(life, model);
    for (const bytes of [10, 40, 1000, 20, 30, 50]) {
      append(life, model, bytes);
      await life.log.drained();
    }
    life.process.kill();
    await main({ world, sim, model });
  });
}

/** The sector in the middle of the fourth record, the large one. */
function loseSector(sim: SimDisk): void {
  const at = sim.contentOf(SEGMENT)?.indexOf('key 4') ?? 0;
  expect(at).toBeGreaterThan(0);
  const sector = Math.ceil((at + 100) / BLOCK_BYTES) * BLOCK_BYTES;
  sim.names.get(SEGMENT)?.loseSectors(sector, sector + BLOCK_BYTES);
}

test('one of three voters keeps what reads before it, saves the rest, and is suspect', async () => {
  await withLog(async ({ world, sim, model }) => {
    loseSector(sim);

    const { log, meta } = await openLife(world, sim, 3);

    expect(await readTexts(log)).toEqual(model.records.slice(0, 3));
    expect(meta.current.state).toBe('suspect');
    expect(log.recovery).toMatchObject({ row: 'damage', decision: 'save-cut-suspect' });
    expect(log.recovery.warnings[0]?.message).toContain('the disk cannot read 1 of its blocks');
    const place = { disk: sim.mount(world.process()), dir: '/data' };
    const [entry] = await listSaved(place);
    expect(entry).toMatchObject({ from: { lsn: 4 } });
    expect(sim.contentOf(savedPath('/data', entry?.name ?? ''))?.includes('key 7')).toBe(true);
  });
});

test('a single voter refuses, and says which LSNs are lost', async () => {
  await withLog(async ({ world, sim }) => {
    loseSector(sim);

    await expect(openLife(world, sim, 1)).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
      message: expect.stringMatching(/last good LSN is 3, lost: LSNs 4 to .*7/) as string,
    });
  });
});

test('one in the fill behind the log costs nothing', async () => {
  await withLog(async ({ world, sim, model }) => {
    sim.names.get(SEGMENT)?.loseSectors(7 * 1024, 7 * 1024 + BLOCK_BYTES);

    const { log, meta } = await openLife(world, sim, 1);

    expect(await readTexts(log)).toEqual(model.records);
    expect(meta.current.state).toBe('intact');
  });
});

test('what cannot be read is zeros, and everything else as it is, wherever a read begins and ends', async () => {
  await simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const bytes = Buffer.alloc(5 * BLOCK_BYTES + 100, 'x');
    sim.put('/d/f', bytes);
    sim.names.get('/d/f')?.loseSectors(BLOCK_BYTES, BLOCK_BYTES + 1);
    sim.names.get('/d/f')?.loseSectors(5 * BLOCK_BYTES, 5 * BLOCK_BYTES + 1);
    const expected = Buffer.from(bytes);
    expected.fill(0, BLOCK_BYTES, 2 * BLOCK_BYTES);
    expected.fill(0, 5 * BLOCK_BYTES);
    const file = await readingOver(sim.mount(world.process())).open('/d/f', 'read');
    for (let position = 0; position < bytes.length; position += 61) {
      for (const length of [1, 100, 700, 4000]) {
        const target = Buffer.alloc(length, '?');
        const count = await file.read(target, position);
        expect(target.subarray(0, count)).toEqual(expected.subarray(position, position + length));
      }
    }
  });
});

test('a disk that reads hardly anything has failed', async () => {
  await simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const size = (UNREADABLE_BLOCKS_MAX + 1) * BLOCK_BYTES;
    sim.put('/d/f', Buffer.alloc(size));
    sim.names.get('/d/f')?.loseSectors(0, size);
    const file = await readingOver(sim.mount(world.process())).open('/d/f', 'read');

    await expect(file.read(Buffer.alloc(size - BLOCK_BYTES), 0)).resolves.toBe(size - BLOCK_BYTES);
    await expect(file.read(Buffer.alloc(size), 0)).rejects.toMatchObject({ code: 'DISK_FAILED' });
  });
});
