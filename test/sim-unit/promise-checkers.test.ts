/** The checks of what is saved (P5), of damage that is not kept quiet (P6), and of files that nobody needs (P8). */
import { describe, expect, test } from 'vitest';
import { checkBounds, checkNothingHeld } from '../../src/sim/bounds-checker.ts';
import { CutChecker } from '../../src/sim/cut-checker.ts';
import { checkDirectory } from '../../src/sim/directory-checker.ts';
import { hasRotInLog } from '../../src/sim/disk-loss.ts';
import { GoldenLog } from '../../src/sim/golden-log.ts';
import { IntactChecker } from '../../src/sim/intact-checker.ts';
import { readImage } from '../../src/sim/log-image.ts';
import { Platters } from '../../src/sim/platters.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { WAL_DIR } from '../../src/sim/sim-machine.ts';
import { FILL_BYTE } from '../../src/wal/format/limits.ts';
import { segmentName } from '../../src/wal/format/segment.ts';
import { snapshotName } from '../../src/wal/snapshot/snapshot-format.ts';
import { batches, FIRST, segment } from '../wal/fixture.ts';

const SEGMENT = `${WAL_DIR}/${segmentName(1)}`;
const SAVED = '/data/saved/00000000000000000003-1';
const built = batches(FIRST, [{ epoch: 1 }, { ops: [{}] }, { ops: [{}] }]);
const whole = segment(FIRST, built.bytes);
const beginning = segment(FIRST, Buffer.concat(built.parts.slice(0, 2)));

describe('a batch that was cut off', () => {
  function cut(lostSector?: number): {
    golden: GoldenLog;
    disk: SimDisk;
    finish: () => void;
    forget: () => void;
  } {
    const disk = new SimDisk({ seed: 1 });
    const platter = { nodeId: 'n1', disk };
    disk.put(SEGMENT, whole);
    if (lostSector !== undefined) disk.loseSectors(SEGMENT, lostSector);
    const golden = new GoldenLog();
    golden.extend(readImage(disk, WAL_DIR), 2, 'n1');
    const checker = new CutChecker(golden, new Platters([platter]));
    const rename = { number: 1, kind: 'rename', path: `${SEGMENT}.tmp`, target: SEGMENT } as const;
    checker.before(platter, rename);
    disk.put(SEGMENT, beginning);
    return {
      golden,
      disk,
      finish: () => checker.finish(platter),
      forget: () => checker.forget('n1'),
    };
  }

  test('is missed where nothing in saved/ has it', () => {
    const { disk, finish } = cut();
    expect(finish).toThrow('n1 cut off LSN 3 to 3 of epoch 1');
    disk.put(`${SAVED}.wal`, beginning);
    disk.put(`${SAVED}.json`, Buffer.from('{}'));
    expect(finish).toThrow('n1 cut off LSN 3 to 3');
  });

  test('is missed where it has no note, and found with one', () => {
    const { disk, finish } = cut();
    disk.put(`${SAVED}.wal`, whole);
    expect(finish).toThrow('with a note');
    disk.put(`${SAVED}.json`, Buffer.from('{}'));
    finish();
  });

  test('is not missed where the disk itself had lost it', () => {
    cut(whole.lastIndexOf(built.parts.at(-1) ?? '')).finish();
    expect(cut(0).finish).toThrow('n1 cut off LSN 3 to 3');
  });

  test('is not missed where it was committed after all, or its disk is lost', () => {
    const { golden, disk, finish } = cut();
    disk.put(SEGMENT, whole);
    golden.extend(readImage(disk, WAL_DIR), 3, 'n2');
    disk.put(SEGMENT, beginning);
    finish();

    const other = cut();
    other.forget();
    other.finish();
  });
});

describe('a node on a disk that rotted', () => {
  const at = (lsn: number) => ({ epoch: 1, lsn, chain: 0 });
  const rotten = (): IntactChecker => {
    const checker = new IntactChecker();
    checker.rots('n1', { life: 1, lsn: 7 });
    return checker;
  };
  const look = (checker: IntactChecker, lives: number, state: 'intact' | 'suspect', lsn: number) =>
    checker.look({ nodeId: 'n1', lives }, { state, durable: at(lsn) });

  test('breaks its promise where it begins intact, with less than it had acknowledged', () => {
    expect(() => look(rotten(), 2, 'intact', 6)).toThrow('is intact and ends at LSN 6');
  });

  test('keeps it where it has everything, or is suspect first', () => {
    look(rotten(), 2, 'intact', 7);
    const checker = rotten();
    look(checker, 2, 'suspect', 3);
    look(checker, 2, 'intact', 6);
  });

  test('is judged by its first word in its next life', () => {
    const checker = rotten();
    look(checker, 1, 'intact', 9);
    expect(() => look(checker, 2, 'intact', 6)).toThrow('had acknowledged 7');
    const other = rotten();
    other.forget('n1');
    look(other, 2, 'intact', 6);
  });
});

describe('damage that a node has to mend', () => {
  test('is in what is written of a segment, and nowhere else', () => {
    const lost = (path: string, offset: number): boolean => {
      const disk = new SimDisk({ seed: 1 });
      disk.put(path, Buffer.concat([whole, Buffer.alloc(8 * 512, FILL_BYTE)]));
      disk.loseSectors(path, offset);
      expect(disk.hasRot).toBe(true);
      return hasRotInLog(disk);
    };
    expect(lost(SEGMENT, 0)).toBe(true);
    expect(lost(SEGMENT, whole.length + 5 * 512)).toBe(false);
    expect(lost(`${SAVED}.wal`, 0)).toBe(false);
  });
});

describe('a data directory', () => {
  const diskWith = (...paths: string[]) => {
    const disk = new SimDisk({ seed: 1 });
    for (const path of ['LOCK', 'meta.json', `wal/${segmentName(1)}`, 'wal/spare.tmp', ...paths]) {
      disk.put(`/data/${path}`, Buffer.from('x'));
    }
    return () => checkDirectory({ nodeId: 'n1', disk });
  };
  const snapshots = (...lsns: number[]) => lsns.map((lsn) => `snapshots/${snapshotName(lsn)}`);

  test('may hold what a node needs', () => {
    diskWith(
      ...snapshots(4, 7),
      'saved/00000000000000000003-1.wal',
      'saved/00000000000000000003-1.json',
    )();
  });

  test.for([
    ['a file of no kind', ['wal/core'], 'which no node makes'],
    ['a temporary file that is left', ['meta.json.tmp'], 'which nobody writes to'],
    [
      'an old snapshot that never was one',
      [...snapshots(7), `snapshots/${snapshotName(3)}.tmp`],
      'which nobody writes to',
    ],
    ['a saved segment alone', ['saved/00000000000000000003-1.wal'], 'without a note'],
    [
      'parts of two snapshots',
      ['a', 'b'].map((digit) => `snapshots/incoming-${digit.repeat(64)}.part`),
      'has 2 snapshots on their way in',
    ],
    ['snapshots on and on', snapshots(1, 2, 3, 4), 'has 4 snapshots'],
  ] as const)('may not hold %s', ([, paths, message]) => {
    expect(diskWith(...paths)).toThrow(message);
  });
});

describe('what a node counts', () => {
  const bounds = (used: number, name = 'uncommitted bytes') => [{ name, used, max: 10 }];

  test('is within its bounds', () => {
    checkBounds('n1', bounds(0));
    checkBounds('n1', bounds(10));
    expect(() => checkBounds('n1', bounds(11))).toThrow('n1 counts 11 uncommitted bytes');
    expect(() => checkBounds('n1', bounds(-1))).toThrow('n1 counts -1 uncommitted bytes');
  });

  test('is nothing once nobody writes; a read may wait', () => {
    checkNothingHeld('n1', [...bounds(0), ...bounds(1, 'waiting reads')]);
    expect(() => checkNothingHeld('n1', bounds(1))).toThrow('nobody writes any more');
  });
});
