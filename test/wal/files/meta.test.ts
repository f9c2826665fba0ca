import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../../src/errors.ts';
import { BLANK_META, type Meta, MetaStore } from '../../../src/wal/files/meta.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import { CLUSTER_ID, HISTORY_ID } from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

const FULL: Partial<Meta> = {
  clusterId: CLUSTER_ID,
  historyId: HISTORY_ID,
  promise: { epoch: 3, candidate: 'n2', attempt: 'a1' },
  forced: { voters: ['n1', 'n2'], quorum: 2, from: { epoch: 2, lsn: 9 } },
  state: 'suspect',
  claim: { epoch: 2, lsn: 9 },
  newestSegment: 7,
  voters: ['n1', 'n2', 'n3'],
  quorum: 2,
};
const OPTIONS = { hasLog: true, nodeId: 'n1' };

async function codeOf(opened: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await opened.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return isWalshipError(error) ? error.code : undefined;
}

describe('meta.json', () => {
  test('is a blank node where it is absent beside nothing', async () => {
    const disk = new MemoryDisk();

    const store = await MetaStore.open(disk, '/d', { hasLog: false, nodeId: 'n1' });

    expect(store.current).toMatchObject({
      nodeId: 'n1',
      state: 'blank',
      promise: { epoch: 0 },
      clusterId: null,
    });
    expect(disk.files.size).toBe(0);
  });

  test('refuses where it is absent beside a log', async () => {
    expect(await codeOf(MetaStore.open(new MemoryDisk(), '/d', OPTIONS))).toBe('WAL_CORRUPT');
  });

  test('comes back as it was written', async () => {
    const disk = new MemoryDisk();
    const store = await MetaStore.open(disk, '/d', { hasLog: false, nodeId: 'n1' });
    await store.update(FULL);

    const again = await MetaStore.open(disk, '/d', OPTIONS);

    expect(again.current).toEqual({ ...BLANK_META, nodeId: 'n1', ...FULL });
  });

  test.for<[string, Partial<Meta>]>([
    ['a promise of 2^53', { promise: { epoch: 2 ** 53, candidate: null, attempt: null } }],
    [
      'a promise beyond the last epoch',
      { promise: { epoch: 2 ** 52 + 1, candidate: null, attempt: null } },
    ],
    ['a claim beyond the last LSN', { claim: { epoch: 1, lsn: 2 ** 52 + 1 } }],
    ['a history id of another form', { historyId: 'history' }],
    ['half an epoch', { promise: { epoch: 1.5, candidate: null, attempt: null } }],
    ['more than is read', { voters: Array.from({ length: 3_000 }, () => 'n'.repeat(100)) }],
  ])('is never written so that it would not read again: %s', async ([, patch]) => {
    const disk = new MemoryDisk();
    const store = await MetaStore.open(disk, '/d', { hasLog: false, nodeId: 'n1' });
    await store.update(FULL);

    expect(await codeOf(store.update(patch))).toBe('INTERNAL');
    await store.update({ quorum: 3 });
    const again = await MetaStore.open(disk, '/d', OPTIONS);

    expect(again.current).toEqual({ ...BLANK_META, nodeId: 'n1', ...FULL, quorum: 3 });
  });

  test('refuses at every truncation and with any byte changed', async () => {
    const disk = new MemoryDisk();
    const store = await MetaStore.open(disk, '/d', { hasLog: false, nodeId: 'n1' });
    await store.update(FULL);
    const good = disk.get('/d/meta.json');
    const opens = (): Promise<string | undefined> => codeOf(MetaStore.open(disk, '/d', OPTIONS));
    for (let length = 0; length < good.length - 1; length += 1) {
      disk.files.set('/d/meta.json', good.subarray(0, length));
      expect(await opens(), `${length} bytes`).toBe('WAL_CORRUPT');
    }
    let accepted = 0;
    for (let index = 0; index < good.length; index += 1) {
      const changed = Buffer.from(good);
      changed[index] = (changed[index] ?? 0) ^ 1;
      disk.files.set('/d/meta.json', changed);
      const code = await opens();
      if (code === undefined) accepted += 1;
    }
    // A space between two tokens that became another white space or a `!` is not JSON; a line feed that became a vertical tab neither.
    expect(accepted).toBe(0);
  });

  test('refuses a newer format, and the directory of another node', async () => {
    const disk = new MemoryDisk();
    disk.files.set('/d/meta.json', Buffer.from('{"format":2}'));
    expect(await codeOf(MetaStore.open(disk, '/d', OPTIONS))).toBe('UNSUPPORTED_VERSION');
    disk.files.clear();
    await (await MetaStore.open(disk, '/d', { hasLog: false, nodeId: 'n1' })).update({});
    expect(await codeOf(MetaStore.open(disk, '/d', { hasLog: true, nodeId: 'n2' }))).toBe(
      'CONFIG_MISMATCH',
    );
  });

  test('runs updates one after the other, and is current only once durable', async () => {
    const disk = new MemoryDisk();
    const store = await MetaStore.open(disk, '/d', { hasLog: false, nodeId: 'n1' });

    const first = store.update({ newestSegment: 1 });
    const second = store.update({ state: 'intact' });

    expect(store.current.newestSegment).toBeNull();
    await first;
    expect(store.current).toMatchObject({ newestSegment: 1, state: 'blank' });
    await second;
    expect(store.current).toMatchObject({ newestSegment: 1, state: 'intact' });
  });

  test('fails for good with its first failed write', async () => {
    const disk = new MemoryDisk();
    const store = await MetaStore.open(disk, '/d', { hasLog: false, nodeId: 'n1' });
    disk.failAt = 1;
    await expect(store.update({ newestSegment: 1 })).rejects.toThrow(/failed at/);
    disk.failAt = Number.POSITIVE_INFINITY;
    await expect(store.update({ newestSegment: 2 })).rejects.toThrow(/failed at/);
    expect(store.current.newestSegment).toBeNull();
  });

  test('is old or new, never anything else, after power loss at any operation', async () => {
    const operations = await run(Number.POSITIVE_INFINITY);
    expect(operations).toBeGreaterThan(10);
    for (let crashAt = 2; crashAt <= operations; crashAt += 1) await run(crashAt);
  });
});

test('what a node reads from meta.json is durable before it acts on it', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    await simulate(seed, async (world) => {
      const disk = new SimDisk({ seed });
      disk.directories.add('/d');
      const open = (hasLog: boolean): Promise<MetaStore> =>
        MetaStore.open(disk.mount(world.process()), '/d', { hasLog, nodeId: 'n1' });
      await (await open(false)).update({ newestSegment: 1 });
      // A process that dies between the rename and the fsync of the directory: the new file is in the page cache only.
      const writer = await open(true);
      disk.onOperation = ({ kind }) => (kind === 'syncDir' ? 'eio' : undefined);
      await writer.update({ newestSegment: 2 }).catch(() => undefined);
      disk.healthy();
      disk.kill();

      const read = (await open(true)).current.newestSegment;
      disk.losePower();

      expect((await open(true)).current.newestSegment, `seed ${seed}`).toBe(read);
    });
  }
});

test('an update whose directory could not be synced for want of room is not current, and the next one decides', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    await simulate(seed, async (world) => {
      const disk = new SimDisk({ seed });
      disk.directories.add('/d');
      const open = (hasLog: boolean): Promise<MetaStore> =>
        MetaStore.open(disk.mount(world.process()), '/d', { hasLog, nodeId: 'n1' });
      const store = await open(false);
      await store.update({ promise: { epoch: 1, candidate: null, attempt: null } });
      disk.onOperation = ({ kind }) => (kind === 'syncDir' ? 'enospc' : undefined);
      const higher = { promise: { epoch: 9, candidate: 'n2', attempt: null } };
      expect(await codeOf(store.update(higher))).toBe('DISK_FULL');
      expect(store.current.promise.epoch).toBe(1);
      disk.healthy();

      // Who asks again is told by what is in force; who comes after a crash by what is there: the old promise, or one that was never told.
      if (seed % 2 === 0) {
        await store.update({ newestSegment: 5 });
        disk.losePower();
        expect((await open(true)).current).toMatchObject({ promise: { epoch: 1 } });
      } else {
        disk.losePower();
        expect([1, 9]).toContain((await open(true)).current.promise.epoch);
      }
    });
  }
});

/** Three updates with power loss at one operation, under a few seeds; returns how many operations there were. */
async function run(crashAt: number): Promise<number> {
  let operations = 0;
  for (let seed = 1; seed <= 8; seed += 1) {
    await simulate(seed, async (world) => {
      const disk = new SimDisk({ seed });
      disk.directories.add('/d');
      const process = world.process();
      const mount = disk.mount(process);
      let durable = 0;
      let asked = 0;
      const work = (async () => {
        const store = await MetaStore.open(mount, '/d', { hasLog: false, nodeId: 'n1' });
        for (let newestSegment = 1; newestSegment <= 3; newestSegment += 1) {
          asked = newestSegment;
          await store.update({ newestSegment });
          durable = newestSegment;
        }
      })();
      disk.crashAt(crashAt);
      const died = new Promise<void>((resolve) => process.onDeath(() => resolve()));
      await Promise.race([work, died]);
      operations = disk.operations;
      disk.healthy();
      disk.losePower();
      const reopened = await MetaStore.open(disk.mount(world.process()), '/d', {
        hasLog: durable > 0,
        nodeId: 'n1',
      });
      const found = reopened.current.newestSegment ?? 0;
      expect(found, `seed ${seed}, crash at ${crashAt}`).toBeGreaterThanOrEqual(durable);
      expect(found).toBeLessThanOrEqual(asked);
    });
  }
  return operations;
}
