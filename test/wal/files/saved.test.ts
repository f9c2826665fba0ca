import { beforeEach, describe, expect, test } from 'vitest';
import {
  listSaved,
  refuseWithoutRoom,
  SAVED_ENTRIES_MAX,
  saveSegment,
} from '../../../src/wal/files/saved.ts';
import { headerAfter } from '../../../src/wal/format/segment.ts';
import { batch, CLUSTER_ID, endsOf, FIRST, pathOf, SALT, segment } from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

const { bytes, state } = batch(FIRST, { epoch: 1, ops: [{}] });
const note = {
  why: 'a test',
  whenMs: 86_400_000,
  from: { epoch: 0, lsn: 1 },
  to: { epoch: 1, lsn: state.lsn },
  by: 'operator',
};

let disk: MemoryDisk;
beforeEach(() => {
  disk = new MemoryDisk();
  disk.files.set(pathOf(1), segment(FIRST, bytes));
});

/** Where the batch ends in the segment. */
const [END = 0] = endsOf([bytes]);
const source = {
  path: pathOf(1),
  start: 64,
  end: END,
  header: headerAfter(CLUSTER_ID, FIRST, SALT),
};

describe('saved/', () => {
  test('holds an ordinary segment, and a JSON that says why, when, from, to and by whom', async () => {
    const entry = await saveSegment({ disk, dir: '/d' }, source, note);

    expect(entry.name).toBe('00000000000000000001-1.wal');
    expect(disk.get(`/d/saved/${entry.name}`).equals(segment(FIRST, bytes, 0))).toBe(true);
    const json: unknown = JSON.parse(disk.get('/d/saved/00000000000000000001-1.json').toString());
    expect(json).toMatchObject({
      ...note,
      when: '1970-01-02T00:00:00.000Z',
      segment: '00000000000000000001.wal',
      offset: 64,
    });
    expect(await listSaved({ disk, dir: '/d' })).toMatchObject([entry]);
  });

  test('has a note for each segment, wherever a crash comes; the next attempt completes it', async () => {
    const place = { disk, dir: '/d' };
    for (let failAt = 1; ; failAt += 1) {
      disk.files.clear();
      disk.files.set(pathOf(1), segment(FIRST, bytes));
      disk.failAt = disk.changes.length + failAt;
      const died = await saveSegment(place, source, note).then(
        () => false,
        () => true,
      );

      const names = [...disk.files.keys()];
      for (const path of names.filter((name) => /^\/d\/saved\/.*\.wal$/.test(name))) {
        expect(names).toContain(path.replace(/wal$/, 'json'));
      }

      disk.failAt = Number.POSITIVE_INFINITY;
      const { name } = await saveSegment(place, source, note);
      expect([...disk.files.keys()].filter((path) => path.startsWith('/d/saved/'))).toEqual(
        expect.arrayContaining([`/d/saved/${name}`, `/d/saved/${name.replace('wal', 'json')}`]),
      );
      expect((await listSaved(place)).length).toBe(1);
      if (!died) break;
      expect(failAt).toBeLessThan(20);
    }
  });

  test('saves the same piece once, and another piece of the same LSN beside it', async () => {
    const first = await saveSegment({ disk, dir: '/d' }, source, note);
    expect((await saveSegment({ disk, dir: '/d' }, source, note)).name).toBe(first.name);
    const other = await saveSegment({ disk, dir: '/d' }, { ...source, end: source.end - 1 }, note);
    expect(other.name).toBe('00000000000000000001-2.wal');
  });

  test('refuses at its cap, and erases nothing', async () => {
    const size = END;
    await saveSegment({ disk, dir: '/d', bytesMax: 2 * size - 1 }, source, note);
    const before = new Map(disk.files);

    const second = saveSegment(
      { disk, dir: '/d', bytesMax: 2 * size - 2 },
      { ...source, end: source.end - 1 },
      note,
    );

    await expect(second).rejects.toMatchObject({ code: 'SAVED_FULL' });
    expect(disk.files).toEqual(before);
    await saveSegment(
      { disk, dir: '/d', bytesMax: 2 * size - 1 },
      { ...source, end: source.end - 1 },
      note,
    );
  });

  test('is asked for room beforehand, in bytes and in entries', async () => {
    const place = { disk, dir: '/d', bytesMax: 1000 };
    await refuseWithoutRoom(place, { bytes: 1000, entries: SAVED_ENTRIES_MAX });
    for (const wanted of [
      { bytes: 1001, entries: 1 },
      { bytes: 1, entries: SAVED_ENTRIES_MAX + 1 },
    ]) {
      await expect(refuseWithoutRoom(place, wanted)).rejects.toMatchObject({ code: 'SAVED_FULL' });
    }
  });

  test('may be tidied up by hand at any moment', async () => {
    const other = { ...source, end: source.end - 1 };
    await saveSegment({ disk, dir: '/d' }, source, note);
    await saveSegment({ disk, dir: '/d' }, other, note);
    const open = disk.open.bind(disk);
    disk.open = (path, mode) => {
      // It goes after the directory was listed, as a person removes one file after the other.
      if (path.endsWith('-1.json')) disk.files.delete(path);
      return open(path, mode);
    };

    expect((await listSaved({ disk, dir: '/d' })).map(({ name }) => name)).toEqual([
      '00000000000000000001-2.wal',
    ]);
    await saveSegment({ disk, dir: '/d' }, other, note);
  });

  test('lists what it can read, and leaves alone what it cannot', async () => {
    disk.files.set('/d/saved/notes.json', Buffer.from('not ours'));
    await saveSegment({ disk, dir: '/d' }, source, note);
    expect((await listSaved({ disk, dir: '/d' })).length).toBe(1);
    expect(disk.files.has('/d/saved/notes.json')).toBe(true);
  });
});
