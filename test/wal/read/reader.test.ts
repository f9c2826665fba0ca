/**
 * Goal: what was read of a log before a cut is never shown after it.
 * Method: a reader over a segment in memory whose read returns only after the cut.
 */
import { expect, test } from 'vitest';
import type { DiskFile } from '../../../src/ports/disk.ts';
import { LogMap } from '../../../src/wal/read/log-map.ts';
import { ReadAhead } from '../../../src/wal/read/read-ahead.ts';
import { LogReader } from '../../../src/wal/read/reader.ts';
import type { LogState } from '../../../src/wal/format/scan.ts';
import { headerAfter } from '../../../src/wal/format/segment.ts';
import { writeEnd } from '../../../src/wal/format/write-header.ts';
import { batch, batches, CLUSTER_ID, FIRST, pathOf, SALT, segment } from '../fixture.ts';
import type { BatchShape, Built } from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

/** A disk on which the next read comes back only when it is told to. */
class SlowDisk extends MemoryDisk {
  gate: Promise<void> | undefined;

  override async open(...args: Parameters<MemoryDisk['open']>): Promise<DiskFile> {
    const file = await super.open(...args);
    return Object.assign(Object.create(file) as DiskFile, {
      read: async (...place: Parameters<DiskFile['read']>) => {
        const count = await file.read(...place);
        const { gate } = this;
        this.gate = undefined;
        await gate;
        return count;
      },
      close: () => file.close(),
    });
  }
}

function put(value: string): { readonly ops: readonly { readonly value: string }[] } {
  return { ops: [{ value }] };
}

/** A batch in a write of its own. */
function addTo(map: LogMap, { bytes, state }: Built): void {
  map.addBatch(bytes.length, state, {
    offset: writeEnd(map.end.offset, bytes.length),
    left: 0,
  });
}

test('a stretch that was read across a cut is not kept', async () => {
  const disk = new SlowDisk();
  const old = batches(FIRST, [{ epoch: 1 }, put('a'), put('b'), put('c'), put('d')]);
  disk.files.set(pathOf(1), segment(FIRST, old.parts));
  const map = new LogMap(FIRST);
  map.addSegment(pathOf(1), headerAfter(CLUSTER_ID, FIRST, SALT));
  const add = (state: LogState, shapes: readonly BatchShape[]): LogState => {
    let end = state;
    for (const shape of shapes) {
      const built = batch(end, shape);
      end = built.state;
      addTo(map, built);
    }
    return end;
  };
  add(FIRST, [{ epoch: 1 }, put('a'), put('b'), put('c'), put('d')]);
  const reader = new LogReader(disk, map);
  const place = await reader.placeAt(2);
  if (place === undefined) throw new Error('no batch ends at LSN 2');

  let open = (): void => undefined;
  disk.gate = new Promise((resolve) => (open = resolve));
  // As much as three of the old batches: of the new ones it is less.
  const threeBytes = Buffer.concat(old.parts.slice(0, 3)).length;
  const reading = reader.chunkAfter(0, threeBytes);
  await new Promise((resolve) => setImmediate(resolve));
  map.truncate(place);
  reader.invalidate();
  const now = batches(place.position, [{ epoch: 2 }, put('e')]);
  disk.files.set(pathOf(1), segment(FIRST, [...old.parts.slice(0, 2), ...now.parts]));
  add(place.position, [{ epoch: 2 }, put('e')]);
  open();
  await reading;

  const rest = await reader.chunkAfter(3, threeBytes);
  expect(rest?.last).toEqual(now.state);
});

test('who brings memory of its own gets the same batches, valid until the next read', async () => {
  const disk = new SlowDisk();
  const shapes = [{ epoch: 1 }, ...Array.from({ length: 40 }, (_, index) => put(`value ${index}`))];
  const { bytes, parts } = batches(FIRST, shapes);
  disk.files.set(pathOf(1), segment(FIRST, parts, 64 * 1024));
  const map = new LogMap(FIRST);
  map.addSegment(pathOf(1), headerAfter(CLUSTER_ID, FIRST, SALT));
  let end: LogState = FIRST;
  for (const shape of shapes) {
    const built = batch(end, shape);
    end = built.state;
    addTo(map, built);
  }
  const reader = new LogReader(disk, map);
  const oneBytes = parts[1]?.length ?? 0;
  const ahead = new ReadAhead({ bytes: 5 * oneBytes, placesMax: 1, reused: true });

  const copies: Buffer[] = [];
  const memories = new Set<ArrayBufferLike>();
  let lsn = 0;
  for (;;) {
    const chunk = await reader.chunkAfter(lsn, 2 * oneBytes, ahead);
    if (chunk === undefined) break;
    copies.push(Buffer.from(chunk.bytes));
    memories.add(chunk.bytes.buffer);
    ({ lsn } = chunk.last);
  }

  expect(Buffer.concat(copies).equals(bytes)).toBe(true);
  expect(copies.length).toBeGreaterThan(10);
  expect(memories.size, 'the first batch may be larger than the memory').toBeLessThan(3);
});

test('what was kept ahead of one reader is nothing to another one', async () => {
  const ahead = new ReadAhead({ bytes: 100, placesMax: 1, reused: true });
  const generation = Symbol('one');
  const at = { at: 0, position: FIRST, offset: 64, left: 0 };
  const chunk = { bytes: Buffer.alloc(0), previous: FIRST, last: FIRST };
  ahead.keep(7, { stretch: { chunk, batches: [], end: at, generation }, index: 0 });

  expect(ahead.at(7, generation)?.index).toBe(0);
  expect(ahead.at(7, Symbol('other'))).toBeUndefined();
  ahead.room(10);
  expect(ahead.at(7, generation), 'its memory is about to be overwritten').toBeUndefined();
});
