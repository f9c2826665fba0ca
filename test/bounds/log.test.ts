/**
 * Goal: what a node holds of its log and of snapshots, in memory and for others, is bounded; beyond a bound it goes on in smaller pieces or
 * reads again, and loses nothing.
 */
import { expect, test } from 'vitest';
import { Holds, SNAPSHOT_HOLD_MS } from '../../src/leader/holds.ts';
import { Replay, REPLAY_HELD_BYTES_MAX } from '../../src/node/replica/replay.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate } from '../../src/sim/sim-world.ts';
import { MiB } from '../../src/ports/units.ts';
import { IncomingSnapshot } from '../../src/wal/snapshot/snapshot-incoming.ts';
import { ReadAhead } from '../../src/wal/read/read-ahead.ts';
import type { Ahead } from '../../src/wal/read/read-ahead.ts';
import { prefill } from '../../src/wal/format/segment.ts';
import {
  VISIT_BYTES_MAX,
  VISIT_KEYS_MAX,
  writeSnapshot,
} from '../../src/wal/snapshot/snapshot-writer.ts';
import type { KeySource } from '../../src/wal/snapshot/snapshot-writer.ts';
import { EPOCHS, HEADER } from '../wal/snapshot-fixture.ts';
import { withReplica } from '../node/replica-fixture.ts';

const batch = (lsn: number, bytes: number, commitLsn = 0) => ({
  bytes: Buffer.alloc(bytes),
  last: { epoch: 1, lsn, chain: lsn },
  commitLsn,
});

test('as many batches as fit are held back at a start, and applied once a seal calls them committed', () => {
  const applied: number[] = [];
  const take = (bytes: Buffer): void => {
    applied.push(bytes.length);
  };
  const replay = new Replay(take, { from: 0, committedLsn: 0 });
  for (let lsn = 1; lsn <= 8; lsn += 1) replay.batch(batch(lsn, REPLAY_HELD_BYTES_MAX / 8));
  expect(replay.appliedLsn).toBe(0);

  replay.batch(batch(9, 0, 9));

  expect(replay.appliedLsn).toBe(9);
  expect(applied).toHaveLength(9);
});

test('one byte more than fits is not held back: nothing is applied out of order, and the rest is left to be read again', () => {
  const applied: number[] = [];
  const take = (bytes: Buffer): void => {
    applied.push(bytes.length);
  };
  const replay = new Replay(take, { from: 0, committedLsn: 0 });
  replay.batch(batch(1, 1, 1));
  for (let lsn = 2; lsn <= 9; lsn += 1) replay.batch(batch(lsn, REPLAY_HELD_BYTES_MAX / 8));
  replay.batch(batch(10, 1));

  replay.batch(batch(11, 1, 11));

  expect(replay.appliedLsn).toBe(1);
  expect(applied).toEqual([1]);
});

test('what was read ahead is kept for as many places as the bound, and the oldest is forgotten', () => {
  const ahead = new ReadAhead({ bytes: 1, placesMax: 8, reused: false });
  const generation = Symbol('now');
  const place = { stretch: { generation }, index: 0 } as unknown as Ahead;
  for (let lsn = 1; lsn <= 8; lsn += 1) ahead.keep(lsn, place);
  expect(ahead.at(1, generation)).toBe(place);

  ahead.keep(9, place);

  expect(ahead.at(1, generation)).toBeUndefined();
  expect(ahead.at(2, generation)).toBe(place);
  expect(ahead.at(9, generation)).toBe(place);
});

test('a snapshot that was given away holds log for as long as the bound after its receiver was last heard of', () =>
  withReplica(async ({ replica, world }) => {
    let nowMs = 0;
    const clock = { nowMs: () => nowMs } as Clock;
    const voters = ['n1', 'n2'];
    const holds = new Holds({ log: replica.log, clock, nodeId: 'n1', voters, retainBytesMax: MiB });
    holds.gave('n2', {
      path: '/data/snapshots/1.snap',
      start: { epoch: 1, lsn: 1, chain: 1 },
      endLsn: 5,
      digest: '',
      bytes: 1,
      open: () => Promise.reject(new Error('nobody reads it')),
    });
    nowMs = SNAPSHOT_HOLD_MS;
    holds.heard('n2');
    nowMs += SNAPSHOT_HOLD_MS;
    holds.tick();
    expect(holds.paths).toEqual(['/data/snapshots/1.snap']);
    expect(holds.holds).toEqual([{ nodeId: 'n2', lsn: 1, snapshot: true }]);

    nowMs += 1;
    holds.tick();

    expect(holds.paths).toEqual([]);
    expect(holds.holds).toEqual([{ nodeId: 'n2', lsn: 0, snapshot: false }]);
    await world.pass(0);
  }));

test('a snapshot is taken in pages of at most so many bytes and keys, and fsynced each 2 MiB', () =>
  simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const process = world.process();
    const disk = sim.mount(process);
    await disk.makeDir('/data');
    const asked: { limit: number; bytesMax: number }[] = [];
    const value = Buffer.alloc(VISIT_BYTES_MAX);
    const pages = 20;
    const source: KeySource = {
      appliedLsn: HEADER.start.lsn,
      page: ({ after, ...limits }) => {
        asked.push(limits);
        const index = after === undefined ? 0 : Number(Buffer.from(after).toString()) + 1;
        const key = Buffer.from(String(index).padStart(4, '0'));
        return index < pages ? [{ key, value, lsn: 1 }] : [];
      },
    };
    const unsynced: number[] = [];
    let bytes = 0;
    sim.onOperation = (operation) => {
      if (operation.kind === 'write') bytes += operation.bytes ?? 0;
      if (operation.kind === 'sync') unsynced.push(bytes);
      if (operation.kind === 'sync') bytes = 0;
      return undefined;
    };

    const order = { disk, clock: process, dir: '/data', header: HEADER, history: EPOCHS, source };
    await writeSnapshot({ ...order, cancelled: () => false });

    expect(asked).toHaveLength(pages + 1);
    expect(asked[0]).toEqual({ limit: VISIT_KEYS_MAX, bytesMax: VISIT_BYTES_MAX });
    expect(unsynced.length).toBeGreaterThan(1);
    expect(Math.max(...unsynced)).toBeLessThan(2 * MiB + 2 * VISIT_BYTES_MAX);
  }));

test.for([
  { hurried: false, pieceBytes: 2 * MiB },
  { hurried: true, pieceBytes: 8 * MiB },
])('the next segment is filled in pieces of $pieceBytes bytes, hurried: $hurried', (row) =>
  simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const disk = sim.mount(world.process());
    await disk.makeDir('/data');
    const pieces: number[] = [];
    let bytes = 0;
    sim.onOperation = (operation) => {
      if (operation.kind === 'write') bytes += operation.bytes ?? 0;
      if (operation.kind === 'sync') pieces.push(bytes);
      if (operation.kind === 'sync') bytes = 0;
      return undefined;
    };

    const { file } = await prefill(disk, '/data/spare.tmp', 16 * MiB + 1, () => row.hurried);
    await file.close();

    const whole = (16 * MiB) / row.pieceBytes;
    expect(pieces).toEqual([...Array.from({ length: whole }, () => row.pieceBytes), 1]);
  }),
);

test('one snapshot that came in part is kept, and another offer removes it', () =>
  simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const clock = world.process();
    const disk = sim.mount(clock);
    await disk.makeDir('/data');
    for (const digit of ['a', 'b']) {
      const digest = digit.repeat(64);
      const part = await IncomingSnapshot.open({ disk, clock, dir: '/data', digest, bytes: 1_000 });
      await part.close();

      expect(await disk.list('/data/snapshots')).toEqual([`incoming-${digest}.part`]);
    }
  }));
