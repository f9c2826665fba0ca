/**
 * Goal: a write on disk proves itself. What was acknowledged is never cut as a torn write, whatever is torn behind it; and a torn write never
 * passes for damage, whatever a client stored.
 * Method: first whole logs on a simulated disk that tears and rots in one run. Then a property: segments are put together from writes that
 * look like logs, torn and damaged at random, and the row that recovery finds is compared with what was done.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../../src/errors.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../../src/sim/sim-world.ts';
import { isFill } from '../../../src/wal/format/fill-byte.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../../src/wal/format/limits.ts';
import { OP } from '../../../src/wal/format/record.ts';
import { encodeSeal, SEAL_BYTES } from '../../../src/wal/format/seal.ts';
import { StandaloneLog } from '../../../src/wal/standalone.ts';
import { borderAfter } from '../../../src/wal/format/write-header.ts';
import { batch, type Built, endsOf, FIRST, pathOf, recoverFixture, segment } from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
  readonly open: () => Promise<StandaloneLog>;
  /** Path of the segment, and where its written part ends. */
  readonly path: () => string;
  readonly end: () => number;
}

/** A log with five acknowledged writes, on a disk that a seed decides about. */
function stage<T>(seed: number, act: (stage: Stage, log: StandaloneLog) => Promise<T>): Promise<T> {
  return simulate(seed, async (world) => {
    const sim = new SimDisk({ seed });
    const open = (): Promise<StandaloneLog> => {
      const process = world.process();
      const ports = { disk: sim.mount(process), clock: process, entropy: world.entropy };
      return StandaloneLog.open('/data', ports, { segmentBytes: 256 * 1024 });
    };
    const log = await open();
    for (let index = 0; index < 5; index += 1) await log.append(OP.PUT, `k${index}`, 'v');
    const path = (): string => sim.paths().find((name) => name.endsWith('.wal')) ?? '';
    const end = (): number => {
      const content = sim.contentOf(path()) ?? Buffer.alloc(0);
      let at = content.length;
      while (at > 0 && content[at - 1] === FILL_BYTE) at -= 1;
      return at;
    };
    return act({ world, sim, open, path, end }, log);
  });
}

/** What a start makes of the log, in words. */
async function outcome({ open }: Stage): Promise<string> {
  try {
    const log = await open();
    const { row, decision } = log.recovery;
    const text = `${row} ${decision}, durable ${log.durable.lsn}`;
    await log.close();
    return text;
  } catch (error) {
    if (!isWalshipError(error)) throw error;
    return error.code;
  }
}

/** The power goes while `value` is written: some of its blocks are there and others are not. Returns where the write begins. */
async function tear(at: Stage, log: StandaloneLog, value: Buffer): Promise<number> {
  const { sim, path, end } = at;
  const start = borderAfter(end());
  await log.append(OP.PUT, 'big', value);
  const content = Buffer.from(sim.contentOf(path()) ?? Buffer.alloc(0));
  sim.kill();
  content.fill(FILL_BYTE, start + 2 * BLOCK_BYTES, start + 3 * BLOCK_BYTES);
  content.fill(FILL_BYTE, borderAfter(end()) - BLOCK_BYTES, end());
  sim.put(path(), content);
  return start;
}

describe('a write that the power cut tears', () => {
  test('is cut, whatever the value looks like', async () => {
    const seal = { epoch: 1, timeMs: 1, commitLsn: 1, count: 1, chain: 1 };
    const seals = Buffer.alloc(8192, 1);
    // A client knows the last version from its last answer, 1.6, and so the LSN of its own write.
    for (let at = 0, lsn = 7; at + SEAL_BYTES <= seals.length; at += SEAL_BYTES, lsn += 1) {
      encodeSeal(seals, at, { ...seal, lsn });
    }
    const values = {
      text: () => Buffer.alloc(8192, 1),
      seals: () => seals,
      fill: () => Buffer.alloc(8192, FILL_BYTE),
      'the segment itself': ({ sim, path }: Stage) =>
        Buffer.from(sim.contentOf(path())?.subarray(0, 8192) ?? []),
    };
    for (const [name, valueOf] of Object.entries(values)) {
      await stage(1, async (at, log) => {
        await tear(at, log, valueOf(at));
        expect(await outcome(at), name).toBe('torn cut, durable 6');
      });
    }
  });

  test('hides no damage before it', async () => {
    await stage(1, async (at, log) => {
      const acknowledgedEnd = at.end();
      await tear(at, log, Buffer.alloc(8192, 1));
      at.sim.flip(at.path(), acknowledgedEnd - 20, 1);
      expect(await outcome(at)).toBe('WAL_CORRUPT');
    });
  });

  test('takes nothing with it that was acknowledged, wherever the disk tears it', async () => {
    const rows = new Set<string>();
    for (let seed = 1; seed <= 60; seed += 1) {
      await stage(seed, async (at, log) => {
        const { sim } = at;
        sim.failAt(sim.operations + 1, 'crash');
        log.append(OP.PUT, 'big', Buffer.alloc(4000, 1)).catch(() => undefined);
        await at.world.pass(10);
        sim.healthy();
        sim.losePower();
        const text = await outcome(at);
        expect(text, `seed ${seed}`).toMatch(/^(end open|torn cut), durable [67]$/);
        expect(text === 'torn cut, durable 7', `seed ${seed}`).toBe(false);
        rows.add(text);
      });
    }
    expect([...rows].toSorted()).toEqual([
      'end open, durable 6',
      'end open, durable 7',
      'torn cut, durable 6',
    ]);
  });

  test('hides no damage before it either, wherever the disk tears it', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      await stage(seed, async (at, log) => {
        const { sim } = at;
        const acknowledgedEnd = at.end();
        sim.failAt(sim.operations + 1, 'crash');
        log.append(OP.PUT, 'big', Buffer.alloc(4000, 1)).catch(() => undefined);
        await at.world.pass(10);
        sim.healthy();
        sim.losePower();
        sim.flip(at.path(), acknowledgedEnd - 1 - (seed % SEAL_BYTES), 1 << (seed % 8));
        expect(await outcome(at), `seed ${seed}`).toBe('WAL_CORRUPT');
      });
    }
  });
});

test('no write touches a block of an earlier one', async () => {
  await stage(1, async ({ sim, end }, log) => {
    for (let count = 1; count <= 20; count += 1) {
      const before = borderAfter(end());
      let position: number | undefined;
      sim.watch = (operation) => {
        if (operation.kind === 'writeDurable') ({ position } = operation);
      };
      await log.append(OP.PUT, 'k', 'v'.repeat(count * 41));
      expect(position).toBe(before);
    }
    await log.close();
  });
});

/** What a client may store. */
type ValueKind = 'text' | 'fill' | 'seals' | 'segment';

interface WriteShape {
  readonly kind: ValueKind;
  readonly bytes: number;
  /** The value begins at a border of blocks. */
  readonly aligned: boolean;
  /** Batches behind the first one in the same write, as a follower has them. */
  readonly more: number;
}

interface Accident {
  /** The last write was not acknowledged, and these of its blocks did not reach the disk. */
  readonly lost: readonly number[] | undefined;
  /** A byte of what is written changes. */
  readonly rot: number | undefined;
}

const anyWrite: fc.Arbitrary<WriteShape> = fc.record({
  kind: fc.constantFrom<ValueKind>('text', 'fill', 'seals', 'segment'),
  bytes: fc.integer({ min: 0, max: 3000 }),
  aligned: fc.boolean(),
  more: fc.integer({ min: 0, max: 2 }),
});
const anyAccident: fc.Arbitrary<Accident> = fc.record({
  lost: fc.option(fc.uniqueArray(fc.nat({ max: 20 })), { nil: undefined }),
  rot: fc.option(fc.nat({ max: 100_000 }), { nil: undefined }),
});
/** A key so long that its value begins at a border, where it is the first one of a write. */
const ALIGNING_KEY = 'k'.repeat(BLOCK_BYTES - 32 - 17);

function valueOf({ kind, bytes }: WriteShape, before: readonly Buffer[], lsn: number): Buffer {
  if (kind === 'text') return Buffer.alloc(bytes, 'text');
  if (kind === 'fill') return Buffer.alloc(bytes, FILL_BYTE);
  // What a copy of the data directory has of this very segment.
  if (kind === 'segment') return segment(FIRST, before, 0);
  const value = Buffer.alloc(bytes);
  const seal = { epoch: 1, timeMs: 1, commitLsn: 0, count: 1, chain: 1 };
  for (let at = 0, next = lsn + 1; at + SEAL_BYTES <= bytes; at += SEAL_BYTES, next += 1) {
    encodeSeal(value, at, { ...seal, lsn: next });
  }
  return value;
}

/** Writes, and the LSN that each of them ends with. */
function built(shapes: readonly WriteShape[]): { writes: Buffer[]; lsns: number[] } {
  let state = batch(FIRST, { epoch: 1 });
  const writes = [state.bytes];
  const lsns = [state.state.lsn];
  for (const shape of shapes) {
    const key = shape.aligned ? ALIGNING_KEY : 'k';
    const parts: Buffer[] = [];
    for (let count = 0; count <= shape.more; count += 1) {
      const value = valueOf(shape, writes, state.state.lsn);
      const next: Built = batch(state.state, { ops: [{ key, value }] });
      parts.push(next.bytes);
      state = next;
    }
    writes.push(Buffer.concat(parts));
    lsns.push(state.state.lsn);
  }
  return { writes, lsns };
}

test(
  'recovery finds the row that the truth calls for, whatever was stored, torn and damaged',
  { tags: ['slow'] },
  async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyWrite, { minLength: 1, maxLength: 4 }),
        anyAccident,
        async (shapes, { lost, rot }) => {
          const { writes, lsns } = built(shapes);
          const ends = [BLOCK_BYTES, ...endsOf(writes)];
          const whole = segment(FIRST, writes, borderAfter(ends.at(-1) ?? 0) + 4096);
          const file = Buffer.from(whole);
          const last = writes.length - 1;
          const start = borderAfter(ends[last] ?? 0);
          const end = ends[last + 1] ?? 0;
          const blocks = Math.ceil((end - start) / BLOCK_BYTES);
          for (const block of lost ?? []) {
            const from = start + (block % blocks) * BLOCK_BYTES;
            file.fill(FILL_BYTE, from, from + BLOCK_BYTES);
          }
          // Of what was acknowledged; what stands between two writes means nothing.
          const acknowledged = lost === undefined ? end : start;
          const at = rot === undefined ? 0 : BLOCK_BYTES + (rot % (acknowledged - BLOCK_BYTES));
          const damaged = ends.findIndex((edge, index) => {
            const from = borderAfter(edge);
            return rot !== undefined && at >= from && at < (ends[index + 1] ?? 0);
          });
          file[at] = (file[at] ?? 0) ^ (rot === undefined ? 0 : 1 << (rot % 8));

          const disk = new MemoryDisk();
          disk.files.set(pathOf(1), file);
          const { log } = await recoverFixture(disk, { segmentBytes: 1024, onDamage: 'cut' });

          const tail = file.subarray(start);
          const isWhole = tail.equals(whole.subarray(start));
          const { row } = log.report;
          if (damaged >= 0) {
            expect(row).toBe('damage');
            // All before the damaged write is kept, and nothing that comes after it.
            expect(log.state.lsn).toBeGreaterThanOrEqual(lsns[damaged - 1] ?? 0);
            expect(log.state.lsn).toBeLessThan(lsns[damaged] ?? 0);
          } else if (lost === undefined || isWhole) {
            expect(row).toBe('end');
            expect(log.state.lsn).toBe(lsns[last]);
          } else {
            expect(row).toBe(isFill(tail) ? 'end' : 'torn');
            expect(log.state.lsn).toBeGreaterThanOrEqual(lsns[last - 1] ?? 0);
            expect(log.state.lsn).toBeLessThan(lsns[last] ?? 0);
          }
          seen.set(row, (seen.get(row) ?? 0) + 1);
        },
      ),
      { numRuns: 400, seed: 11 },
    );
    for (const row of ['end', 'torn', 'damage']) expect(seen.get(row), row).toBeGreaterThan(20);
  },
);
