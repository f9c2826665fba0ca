/** The log on a simulated disk: group commit, refusals, failures and full disks, reading beside writing. */
import { describe, expect, test } from 'vitest';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import type { DiskOperation } from '../../src/sim/sim-fault.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';
import type { WalshipError } from '../../src/errors.ts';
import {
  BATCH_BYTES_MAX,
  FOLLOWER_WRITE_BYTES_MAX,
  WRITE_HEADER_BYTES,
  BATCH_RECORDS_MAX,
  TRANSACTION_ITEMS_MAX,
} from '../../src/wal/format/limits.ts';
import type { LogOperation } from '../../src/wal/format/record.ts';
import { checkFollowerWrite } from '../../src/wal/write/follower-write.ts';
import { OP, recordBytes } from '../../src/wal/format/record.ts';
import { SEAL_BYTES } from '../../src/wal/format/seal.ts';
import { borderAfter } from '../../src/wal/format/write-header.ts';
import { CUT_REASON } from './fixture.ts';
import {
  append,
  batchesAfter,
  checkLife,
  lead,
  LogModel,
  openLife,
  readTexts,
  RECENT_BYTES,
  SEGMENT_BYTES,
} from './log-lives.ts';
import type { Life } from './log-lives.ts';

const SLOW = { readMs: 0.1, writeMs: 1, syncMs: 1 };

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
  readonly life: Life;
  readonly model: LogModel;
  /** Durable writes to segments so far: one per batch, and one per header. */
  readonly batchWrites: () => readonly DiskOperation[];
}

/** Runs `act` on a log that leads and is at rest: once with its newest batches in memory, and once with nothing there. */
async function leading(act: (stage: Stage) => Promise<void>): Promise<void> {
  for (const recentBytesMax of [RECENT_BYTES, 0]) await leadingWith(recentBytesMax, act);
}

function leadingWith(recentBytesMax: number, act: (stage: Stage) => Promise<void>): Promise<void> {
  return simulate(7, async (world) => {
    const sim = new SimDisk({ seed: 7, latency: SLOW });
    const writes: DiskOperation[] = [];
    const model = new LogModel();
    const life = await openLife(world, sim, 1, undefined, recentBytesMax);
    await lead(life, model);
    await life.log.drained();
    sim.onOperation = (operation) => {
      if (operation.kind === 'writeDurable' && operation.position !== 0) writes.push(operation);
      return undefined;
    };
    await act({ world, sim, life, model, batchWrites: () => writes });
  });
}

const put = (key: string, valueBytes: number): LogOperation => ({
  op: OP.PUT,
  key: Buffer.from(key),
  value: Buffer.alloc(valueBytes, 97),
});

function caught(run: () => unknown): WalshipError {
  try {
    run();
  } catch (error) {
    return error as WalshipError;
  }
  throw new Error('nothing was thrown');
}

test('what was cut is not handed out any more, from memory either', () =>
  leading(async ({ life, model }) => {
    const { log } = life;
    const at = log.durable;
    for (let count = 0; count < 5; count += 1) {
      append(life, model, 20);
      await log.drained();
    }
    log.stopLeading();
    await log.truncate(at, CUT_REASON);

    expect(log.durable).toEqual(at);
    expect(log.recentAfter(0, 1_000_000)?.last.lsn ?? 0).toBeLessThanOrEqual(at.lsn);
    expect(log.recentAfter(at.lsn, 1_000_000)).toBeUndefined();
    expect(await log.chainAt(at.lsn + 1)).toBeUndefined();
  }));

test('what was read ahead before a cut is not handed out after it', () =>
  leading(async ({ life, model }) => {
    const { log } = life;
    const at = log.durable;
    for (let count = 0; count < 5; count += 1) {
      append(life, model, 20);
      await log.drained();
    }
    await log.chunkAfter(at.lsn, 1);
    log.stopLeading();
    await log.truncate(at, CUT_REASON);
    model.records.splice(at.lsn);
    await lead(life, model);
    await log.drained();
    append(life, model, 20);
    await log.drained();

    expect((await log.chunkAfter(at.lsn, 1))?.last).toMatchObject({ epoch: 2, lsn: at.lsn + 1 });
    expect((await log.chunkAfter(at.lsn + 1, 1))?.last).toEqual(log.durable);
    expect(await readTexts(log, 1)).toEqual(model.records);
  }));

test('what was read ahead is not handed out either while the log is being cut', () =>
  leading(async ({ world, life, model }) => {
    const { log } = life;
    for (let count = 0; count < 5; count += 1) {
      append(life, model, 20);
      await log.drained();
    }
    const at = await log.chainAt(3);
    if (at === undefined) throw new Error('no batch ends at LSN 3');
    await log.chunkAfter(0, 1);
    log.stopLeading();
    let isCut = false;
    const cutting = log.truncate(at, CUT_REASON).finally(() => (isCut = true));
    while (log.durable.lsn > at.lsn) await world.pass(0.05);
    const chunk = log.chunkAfter(1, 1_000_000);

    expect(isCut, 'its files are being cut').toBe(false);
    await cutting;
    expect((await chunk)?.last).toEqual(at);
  }));

describe('group commit', () => {
  test('appends of one turn become durable with one write', () =>
    leading(async ({ life, model, batchWrites }) => {
      for (let index = 0; index < 10; index += 1) append(life, model, 20);
      await life.log.drained();

      expect(batchWrites()).toHaveLength(1);
    }));

  test('what arrives while a batch is in flight is the next batch, and waits for the one before', () =>
    leading(async ({ world, life, model, batchWrites }) => {
      append(life, model, 20);
      await world.pass(0.4);
      expect(batchWrites()).toHaveLength(1);
      for (let index = 0; index < 5; index += 1) append(life, model, 20);
      await world.pass(0.05);

      expect(batchWrites(), 'the first one has not returned').toHaveLength(1);
      expect(life.log.durable.lsn).toBe(1);
      expect(life.log.written.lsn).toBe(2);
      expect(life.log.last.lsn).toBe(7);
      expect(life.log.pendingBytes).toBeGreaterThan(0);
      await life.log.drained();
      expect(batchWrites()).toHaveLength(2);
      expect(life.log.durable).toEqual(life.log.written);
      expect(life.log.pendingBytes).toBe(0);
    }));

  test('listeners hear of every batch once, in order, and only when it is durable', () =>
    leading(async ({ life, model }) => {
      const heard: number[] = [];
      life.log.onDurable(({ lsn }) => {
        heard.push(lsn);
        if (lsn < 5) append(life, model, 10);
      });
      append(life, model, 10);
      await life.log.drained();
      while (life.log.durable.lsn < 5) await life.log.drained();

      expect(heard).toEqual([2, 3, 4, 5]);
    }));

  test('a leadership opens a batch of its own, and its records come behind it', () =>
    leading(async ({ life, model }) => {
      life.log.stopLeading();
      await lead(life, model);
      append(life, model, 10);
      await life.log.drained();
      const [, second] = await batchesAfter(life.log, 0);

      expect(second?.last).toMatchObject({ epoch: 2, lsn: 3 });
      expect(life.log.epochs.map(({ epoch, firstLsn }) => [epoch, firstLsn])).toEqual([
        [1, 1],
        [2, 2],
      ]);
      expect([0, 1, 2, 3].map((lsn) => life.log.epochAt(lsn))).toEqual([0, 1, 2, 2]);
    }));

  test('what comes in one turn is several batches where it has many records, all of them durable in order', () =>
    leading(async ({ life, model }) => {
      const large = Array.from({ length: BATCH_RECORDS_MAX / 2 + 1 }, () => put('k', 1));
      for (const ops of [large, large, large, [put('last', 1)]]) {
        life.log.append(ops);
        for (const _ of ops) model.records.push('not looked at');
      }
      await life.log.drained();
      const batches = await batchesAfter(life.log, 1);

      const one = large.length;
      expect(batches.map(({ last }) => last.lsn - 1)).toEqual([one, 2 * one, 3 * one + 1]);
      expect(batches.at(-1)?.last).toEqual(life.log.durable);
    }));

  test('a log that stopped leading still writes what has an LSN, and takes no more', () =>
    leading(async ({ life, model }) => {
      append(life, model, 10);
      life.log.stopLeading();

      expect(caught(() => life.log.append([put('k', 1)]))).toMatchObject({
        code: 'NO_LEADER',
        outcome: 'rejected',
      });
      await life.log.drained();
      expect(life.log.durable.lsn).toBe(2);
    }));
});

describe('refusals', () => {
  test.for([
    ['nothing', [], 'REQUEST_INVALID'],
    [
      'too many operations',
      Array.from({ length: TRANSACTION_ITEMS_MAX + 1 }, () => put('k', 1)),
      'TXN_TOO_LARGE',
    ],
    ['an empty key', [put('', 1)], 'KEY_INVALID'],
    ['a long key behind a good one', [put('k', 1), put('k'.repeat(4097), 1)], 'KEY_INVALID'],
    ['a large value', [put('k', 16 * 1024 * 1024 + 1)], 'VALUE_TOO_LARGE'],
    [
      'a transaction that no batch holds',
      [put('a', 16_000_000), put('b', 16_000_000), put('c', 2_000_000)],
      'TXN_TOO_LARGE',
    ],
    [
      'a REQUEST that goes on',
      [{ ...put('k', 1), op: OP.REQUEST }, put('k', 1)],
      'REQUEST_INVALID',
    ],
    ['a SEAL', [{ ...put('k', 1), op: OP.SEAL }], 'REQUEST_INVALID'],
  ] as const)('%s gets no LSN', ([, ops, code]) =>
    leading(async ({ life }) => {
      expect(caught(() => life.log.append(ops))).toMatchObject({ code, outcome: 'rejected' });
      expect(life.log.last.lsn).toBe(1);
      expect(life.log.pendingBytes).toBe(0);
    }),
  );

  test(
    'what waits is bounded: beyond a batch it is BUSY, and goes on once that is written',
    { tags: ['slow'] },
    () =>
      leading(async ({ life, model }) => {
        const { log } = life;
        const busy = caught(() => {
          for (;;) model.add(log.append([put('k', 4_000_000)]), 'large');
        });

        expect(busy).toMatchObject({ code: 'BUSY', outcome: 'rejected' });
        expect(log.pendingBytes).toBeLessThanOrEqual(BATCH_BYTES_MAX);
        await log.drained();
        expect(log.append([put('k', 1)])).toBe(model.records.length + 1);
      }),
  );
});

describe('fail-stop', () => {
  test.for(['eio', 'short', 'enospc'] as const)(
    'a batch write that ends in %s is final: nothing is retried, and what waits is indeterminate',
    (fault) =>
      leading(async ({ world, sim, life, model }) => {
        const errors: WalshipError[] = [];
        life.log.onFailed((error) => errors.push(error));
        append(life, model, 20);
        let writes = 0;
        sim.onOperation = ({ kind }) => {
          if (kind !== 'writeDurable') return undefined;
          writes += 1;
          return writes === 1 ? fault : undefined;
        };
        await expect(life.log.drained()).rejects.toMatchObject({ code: 'DISK_FAILED' });
        await world.pass(60_000);

        expect(errors).toHaveLength(1);
        expect(errors[0]).toMatchObject({ code: 'DISK_FAILED', outcome: 'indeterminate' });
        expect(life.log.durable.lsn).toBe(1);
        expect(writes).toBe(1);
        expect(caught(() => life.log.append([put('k', 1)]))).toMatchObject({
          code: 'DISK_FAILED',
          outcome: 'rejected',
        });
        await life.log.close();
        life.process.kill();
        sim.onOperation = () => undefined;
        await checkLife(world, sim, { model, voters: 1 });
      }),
  );
});

describe('a failure in the background', () => {
  test('is final too: what is open then is never written', () =>
    leading(async ({ world, sim, life, model }) => {
      const failures: unknown[] = [];
      let writesAfter = 0;
      sim.onOperation = ({ kind, path }) => {
        if (kind === 'writeDurable' && failures.length > 0) writesAfter += 1;
        return kind === 'write' && path.endsWith('spare.tmp') ? 'eio' : undefined;
      };
      life.log.onFailed((error) => failures.push(error));
      append(life, model, SEGMENT_BYTES / 2);
      // Always one in flight and one open.
      while (failures.length === 0) {
        append(life, model, 1);
        await world.pass(0.02);
      }
      expect(life.log.last.lsn).toBeGreaterThan(life.log.written.lsn);
      await world.pass(50);

      expect(writesAfter).toBe(0);
      await expect(life.log.drained()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    }));
});

describe('segments', () => {
  test.for([
    ['a batch that leaves one byte of fill stays in its segment', 1, 1],
    ['a batch that would fill a segment to its end goes into the next one', 0, 2],
  ] as const)('%s', ([, left, segments]) =>
    leading(async ({ world, sim, life, model }) => {
      const room = SEGMENT_BYTES - borderAfter(life.log.onDisk.diskBytes) - WRITE_HEADER_BYTES;
      append(life, model, room - left - SEAL_BYTES - recordBytes('key 2'.length, 0));
      await life.log.drained();

      const names = await sim.mount(world.process()).list('/data/wal');
      expect(names.filter((name) => name.endsWith('.wal'))).toHaveLength(segments);
      life.process.kill();
      const { log } = await checkLife(world, sim, { model, voters: 3 });
      expect(log.recovery.row).toBe('end');
    }),
  );

  test.for([
    ['is begun when this one is half full', 10, false],
    ['is begun at once where the one before was waited for', 0, true],
  ] as const)('the next one %s', ([, waitMs, begun]) =>
    leading(async ({ world, sim, life, model }) => {
      append(life, model, SEGMENT_BYTES * 0.6);
      await life.log.drained();
      await world.pass(waitMs);
      append(life, model, SEGMENT_BYTES * 0.3);
      await life.log.drained();
      await world.pass(10);

      const names = await sim.mount(world.process()).list('/data/wal');
      expect(names.filter((name) => name.endsWith('.wal'))).toHaveLength(2);
      expect(names.includes('spare.tmp')).toBe(begun);
      life.process.kill();
      await checkLife(world, sim, { model, voters: 3 });
    }),
  );

  test('a batch that no ordinary segment holds gets a larger one', () =>
    leading(async ({ world, sim, life, model }) => {
      append(life, model, 3 * SEGMENT_BYTES);
      append(life, model, 1);
      await life.log.drained();
      append(life, model, 1);
      await life.log.drained();
      life.process.kill();

      await checkLife(world, sim, { model, voters: 3 });
    }));
});

describe('a full disk', () => {
  const isSpareWrite = ({ kind, path }: DiskOperation): boolean =>
    kind === 'write' && path.endsWith('spare.tmp');

  test('shows up while the log has room: appends are rejected, and go on by themselves', () =>
    leading(async ({ world, sim, life, model }) => {
      const failed: WalshipError[] = [];
      life.log.onFailed((error) => failed.push(error));
      sim.onOperation = (operation) => (isSpareWrite(operation) ? 'enospc' : undefined);
      append(life, model, SEGMENT_BYTES / 2);
      await life.log.drained();
      await world.pass(100);

      expect(caught(() => life.log.append([put('k', 1)]))).toMatchObject({
        code: 'DISK_FULL',
        outcome: 'rejected',
      });
      await world.pass(120_000);
      expect(failed, 'however long it takes').toHaveLength(0);
      expect(caught(() => life.log.append([put('k', 1)])).code).toBe('DISK_FULL');

      sim.onOperation = () => undefined;
      await world.pass(20_000);
      for (let index = 0; index < 10; index += 1) append(life, model, 1000);
      await life.log.drained();
      expect(await readTexts(life.log)).toEqual(model.records);
      await life.log.close();
      life.process.kill();
      await checkLife(world, sim, { model, voters: 1 });
    }));

  test('a batch that has its LSNs waits a bounded time for room, then the log fails', () =>
    leading(async ({ world, sim, life, model }) => {
      append(life, model, SEGMENT_BYTES / 3);
      await life.log.drained();
      // Half full only with the batch in flight; the one behind it needs the next segment.
      sim.onOperation = (operation) => (isSpareWrite(operation) ? 'enospc' : undefined);
      append(life, model, SEGMENT_BYTES / 3);
      await world.pass(0.2);
      append(life, model, SEGMENT_BYTES / 2);
      await world.pass(10_000);
      expect(life.log.durable.lsn).toBe(3);
      expect(life.log.last.lsn).toBe(4);

      await world.pass(60_000);
      await expect(life.log.drained()).rejects.toMatchObject({ outcome: 'indeterminate' });
      await life.log.close();
    }));

  test('that refuses meta.json in a rotation delays the batch, and the log goes on when there is room', () =>
    leading(async ({ world, sim, life, model }) => {
      append(life, model, SEGMENT_BYTES / 2);
      await life.log.drained();
      await world.pass(1000);
      sim.onOperation = ({ kind, path }) =>
        kind === 'write' && path.includes('meta.json') ? 'enospc' : undefined;
      append(life, model, SEGMENT_BYTES / 2);
      await world.pass(5000);
      expect(life.log.durable.lsn).toBe(2);

      sim.onOperation = () => undefined;
      await life.log.drained();
      expect(await readTexts(life.log)).toEqual(model.records);
      await life.log.close();
      life.process.kill();
      await checkLife(world, sim, { model, voters: 1 });
    }));

  test.for([
    ['the next segment', isSpareWrite],
    [
      'meta.json',
      ({ kind, path }: DiskOperation) => kind === 'write' && path.includes('meta.json'),
    ],
  ] as const)(
    'for %s: a follower is refused with nothing written, and can write the same bytes later',
    ([, isFull]) =>
      leading(async ({ world, life, model }) => {
        for (let index = 0; index < 6; index += 1) {
          append(life, model, 1000);
          await life.log.drained();
        }
        const batches = await batchesAfter(life.log, 0);
        const sim = new SimDisk({ seed: 8 });
        const follower = await openLife(world, sim, 3);
        await follower.log.begin(life.log.identity ?? { clusterId: '', historyId: '' });
        sim.onOperation = (operation) => (isFull(operation) ? 'enospc' : undefined);
        let refusal: unknown;
        let refused = 0;
        for (const { bytes } of batches) {
          try {
            await follower.log.write(bytes);
          } catch (error) {
            refusal = error;
            break;
          }
          refused += 1;
        }
        expect(refusal).toMatchObject({ code: 'DISK_FULL', outcome: 'rejected' });
        expect(follower.log.last).toEqual(follower.log.durable);

        sim.onOperation = () => undefined;
        for (const { bytes } of batches.slice(refused)) await follower.log.write(bytes);
        expect(follower.log.durable).toEqual(life.log.durable);
        expect(await readTexts(follower.log)).toEqual(model.records);
      }),
  );
});

describe('a follower’s write', () => {
  interface Pair {
    readonly follower: Life;
    readonly sim: SimDisk;
    readonly bytes: Buffer;
    readonly leader: Life;
  }

  function following(act: (pair: Pair) => Promise<void>): Promise<void> {
    return leading(async ({ world, life, model }) => {
      for (const size of [20, 700, 3, 90]) {
        append(life, model, size);
        await life.log.drained();
      }
      const bytes = Buffer.concat((await batchesAfter(life.log, 0)).map((batch) => batch.bytes));
      const sim = new SimDisk({ seed: 9 });
      const follower = await openLife(world, sim, 3);
      await follower.log.begin(life.log.identity ?? { clusterId: '', historyId: '' });
      await act({ follower, sim, bytes, leader: life });
    });
  }

  test('of several batches is one write, and gives the leader’s position', () =>
    following(async ({ follower, sim, bytes, leader }) => {
      let writes = 0;
      sim.onOperation = ({ kind }) => {
        if (kind === 'writeDurable') writes += 1;
        return undefined;
      };
      const position = await follower.log.write(Buffer.from(bytes));

      expect(writes).toBe(1);
      expect(position).toEqual(leader.log.durable);
      expect(follower.log.epochs).toEqual(leader.log.epochs);
      expect(follower.log.history.knownCommitLsn).toBe(leader.log.history.knownCommitLsn);
    }));

  test('keeps the very bytes, without a copy', () =>
    following(async ({ follower, bytes, leader }) => {
      const message = Buffer.from(bytes);
      await follower.log.write(message);

      const chunk = await follower.log.chunkAfter(0, FOLLOWER_WRITE_BYTES_MAX);
      expect(chunk?.bytes.equals(bytes)).toBe(true);
      expect(chunk?.bytes.buffer).toBe(message.buffer);
      expect(follower.log.durable).toEqual(leader.log.durable);
    }));

  test('with any one byte changed writes nothing', () =>
    following(async ({ follower, sim, bytes }) => {
      let writes = 0;
      sim.onOperation = ({ kind }) => {
        if (kind === 'writeDurable' || kind === 'write') writes += 1;
        return undefined;
      };
      for (let index = 0; index < bytes.length; index += 1) {
        const damaged = Buffer.from(bytes);
        damaged[index] = (damaged[index] ?? 0) ^ (1 << (index % 8));
        await expect(follower.log.write(damaged), `byte ${index}`).rejects.toThrow();
      }

      expect(writes).toBe(0);
      expect(follower.log.durable.lsn).toBe(0);
      await follower.log.write(bytes);
    }));

  test.for([
    ['cut inside a batch', (bytes: Buffer) => bytes.subarray(0, -1), 'PROTOCOL_ERROR'],
    ['that skips a batch', (bytes: Buffer) => bytes.subarray(200), 'PROTOCOL_ERROR'],
  ] as const)('%s is refused', ([, spoil, code]) =>
    following(async ({ follower, bytes }) => {
      await expect(follower.log.write(spoil(bytes))).rejects.toMatchObject({ code });
      expect(follower.log.durable.lsn).toBe(0);
    }),
  );

  test('that was verified before is written only where it was verified for', () =>
    following(async ({ follower, sim, bytes }) => {
      const batches = checkFollowerWrite(follower.log.durable, bytes);
      const elsewhere = batches.map((batch) => ({ ...batch, first: { ...batch.first, chain: 1 } }));
      let writes = 0;
      sim.onOperation = ({ kind }) => {
        if (kind === 'writeDurable') writes += 1;
        return undefined;
      };

      await expect(follower.log.write(bytes, elsewhere)).rejects.toThrow('continue the log');
      expect(writes).toBe(0);
      expect(await follower.log.write(bytes, batches)).toEqual(batches.at(-1)?.last);
      await expect(follower.log.write(bytes, batches)).rejects.toThrow('continue the log');
    }));

  test('that was written already is refused', () =>
    following(async ({ follower, bytes }) => {
      await follower.log.write(bytes);
      await expect(follower.log.write(bytes)).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    }));
});

describe('reading', () => {
  test('memory and files give identical bytes, for every batch and every size of chunk', () =>
    leading(async ({ world, sim, life, model }) => {
      for (let index = 0; index < 40; index += 1) {
        append(life, model, (index * 97) % 900, index % 7);
        if (index % 3 > 0) await life.log.drained();
      }
      await life.log.drained();
      const memory = await batchesAfter(life.log, 0);
      const ends = memory.map(({ last }) => last);
      await life.log.close();
      life.process.kill();
      const reopened = await openLife(world, sim, 1);
      const files = await batchesAfter(reopened.log, 0);

      expect(reopened.log.recentAfter(0, 1)).toBeUndefined();
      expect(files.map(({ last }) => last)).toEqual(ends);
      expect(Buffer.concat(files.map(({ bytes }) => bytes))).toEqual(
        Buffer.concat(memory.map(({ bytes }) => bytes)),
      );
      for (const end of ends) {
        expect(await life.log.chainAt(end.lsn)).toEqual(end);
        expect(await reopened.log.chainAt(end.lsn)).toEqual(end);
      }
      const seals = new Set(ends.map(({ lsn }) => lsn));
      for (let lsn = 1; lsn <= reopened.log.durable.lsn; lsn += 1) {
        if (!seals.has(lsn)) expect(await reopened.log.chainAt(lsn), `LSN ${lsn}`).toBeUndefined();
      }
    }));

  test('goes on beside appends and rotations, and sees every record once, in order', () =>
    leading(async ({ world, life, model }) => {
      const lsns: number[] = [];
      const reading = (async (): Promise<void> => {
        while (lsns.length < 200) {
          for await (const { lsn } of life.log.read({ from: lsns.length + 1 })) lsns.push(lsn);
          await world.pass(0.5);
        }
      })();
      while (model.records.length < 200) {
        append(life, model, 100 + (model.records.length % 50));
        if (model.records.length % 4 === 0) await world.pass(0.7);
      }
      await reading;

      expect(lsns).toEqual(Array.from({ length: lsns.length }, (_, index) => index + 1));
    }));

  test('is told where the log was cut below what it had read', () =>
    leading(async ({ world, sim, life, model }) => {
      for (let index = 0; index < 8; index += 1) {
        append(life, model, 600);
        await life.log.drained();
      }
      await life.log.close();
      life.process.kill();
      // From files, since a new life has nothing in memory: there a chunk ends with its segment.
      const { log } = await openLife(world, sim, 1);
      const reading = log.read({ from: 1 })[Symbol.asyncIterator]();
      const to = await log.chainAt(3);
      if (to === undefined) throw new Error('no batch ends at LSN 3');
      for (let lsn = 1; lsn <= 5; lsn += 1) {
        expect(await reading.next()).toMatchObject({ done: false });
      }
      await log.truncate(to, CUT_REASON);

      const rest = async (): Promise<void> => {
        while ((await reading.next()).done !== true);
      };
      await expect(rest()).rejects.toMatchObject({ code: 'LSN_REPLACED' });
    }));

  test('never shows what is not durable', () =>
    leading(async ({ life, model }) => {
      append(life, model, 10);
      expect(await life.log.chunkAfter(1, 1000)).toBeUndefined();
      expect(life.log.recentAfter(1, 1000)).toBeUndefined();
      expect(await readTexts(life.log)).toHaveLength(1);
    }));

  test('behind an LSN where no batch ends is refused, and behind the end there is nothing', () =>
    leading(async ({ world, sim, life, model }) => {
      append(life, model, 10, 10, 10);
      await life.log.drained();
      await life.log.close();
      life.process.kill();
      const { log } = await openLife(world, sim, 1);

      await expect(log.chunkAfter(2, 100)).rejects.toMatchObject({ code: 'LSN_REPLACED' });
      expect(await log.chunkAfter(4, 100)).toBeUndefined();
      expect(await log.chainAt(99)).toBeUndefined();
      expect(await log.chainAt(0)).toMatchObject({ epoch: 0, lsn: 0 });
    }));
});

describe('a cut', () => {
  test('saves the tail, and leaves what was before it readable and writable', () =>
    leading(async ({ world, sim, life, model }) => {
      for (let index = 0; index < 30; index += 1) {
        append(life, model, 600);
        await life.log.drained();
      }
      const to = (await batchesAfter(life.log, 0))[4]?.last;
      if (to === undefined) throw new Error('too few batches');
      life.log.stopLeading();
      const saved = await life.log.truncate(to, CUT_REASON);

      expect(saved).toMatchObject({ fromLsn: to.lsn + 1, toLsn: 31 });
      expect(saved?.names.length).toBeGreaterThan(1);
      expect(life.log.durable).toEqual(to);
      expect(life.log.last).toEqual(to);
      expect(life.log.recentAfter(to.lsn, 1)).toBeUndefined();
      expect(await life.log.chainAt(to.lsn + 1)).toBeUndefined();
      model.records.length = to.lsn;
      expect(await readTexts(life.log)).toEqual(model.records);
      model.floor = to.lsn;
      await life.log.close();
      life.process.kill();
      await checkLife(world, sim, { model, voters: 1 });
    }));

  test('at a position of another log changes nothing', () =>
    leading(async ({ life, model }) => {
      append(life, model, 10);
      await life.log.drained();
      append(life, model, 10);
      await life.log.drained();
      life.log.stopLeading();
      const at = await life.log.chainAt(2);
      if (at === undefined) throw new Error('no batch ends at LSN 2');

      for (const wrong of [
        { ...at, chain: at.chain ^ 1 },
        { ...at, epoch: at.epoch + 1 },
        { ...at, lsn: 99 },
      ]) {
        await expect(life.log.truncate(wrong, CUT_REASON)).rejects.toMatchObject({
          code: 'CHAIN_MISMATCH',
        });
      }
      expect(life.log.durable.lsn).toBe(3);
    }));
});

test('a follower trims the segment before a rotation that was refused halfway, whatever it writes next', () =>
  simulate(1, async (world) => {
    const leader = await openLife(world, new SimDisk({ seed: 7 }), 1);
    const model = new LogModel();
    await lead(leader, model);
    for (let count = 0; count < 24; count += 1) {
      append(leader, model, 1000);
      await leader.log.drained();
    }
    const batches = (await batchesAfter(leader.log, 0)).map(({ bytes }) => bytes);
    const sim = new SimDisk({ seed: 8 });
    const { log } = await openLife(world, sim, 3);
    await log.begin(leader.log.identity ?? { clusterId: '', historyId: '' });
    let renamed = false;
    sim.onOperation = ({ kind, path }) => {
      if (kind === 'rename' && path.endsWith('/spare.tmp')) renamed = true;
      return kind === 'syncDir' && renamed ? 'emfile' : undefined;
    };
    const refusal = { code: 'NO_DESCRIPTORS', outcome: 'rejected' };
    let written = 0;
    for (const bytes of batches) {
      await log.write(bytes).catch((error: unknown) => expect(error).toMatchObject(refusal));
      if (renamed) break;
      written += 1;
    }
    const rest = Buffer.concat(batches.slice(written));

    sim.onOperation = () => undefined;
    // More than the segment that is waiting holds.
    expect(rest.length).toBeGreaterThan(SEGMENT_BYTES);
    await log.write(rest);
    await log.close();

    const [first = ''] = sim.paths().filter((path) => path.endsWith('.wal'));
    expect(sim.contentOf(first)?.length).toBeLessThan(SEGMENT_BYTES);
    expect(log.durable).toEqual(leader.log.durable);
  }));
