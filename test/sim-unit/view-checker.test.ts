import { describe, expect, test } from 'vitest';
import { GoldenLog } from '../../src/sim/golden-log.ts';
import { readImage } from '../../src/sim/log-image.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { WAL_DIR } from '../../src/sim/sim-machine.ts';
import { judgeScan, WatchJudge } from '../../src/sim/view-checker.ts';
import { OP } from '../../src/wal/format/record.ts';
import { segmentName } from '../../src/wal/format/segment.ts';
import { batches, FIRST, segment } from '../wal/fixture.ts';

/** LSN 1 begins epoch 1; 2 and 3 put a and b, 4 deletes a, 5 puts b again. */
function history(): GoldenLog {
  const { bytes } = batches(FIRST, [
    { epoch: 1 },
    {
      ops: [
        { key: 'a', value: '2' },
        { key: 'b', value: '3' },
      ],
    },
    { ops: [{ op: OP.DELETE, key: 'a', value: '' }] },
    { ops: [{ key: 'b', value: '5' }] },
  ]);
  const disk = new SimDisk({ seed: 1 });
  disk.put(`${WAL_DIR}/${segmentName(1)}`, segment(FIRST, bytes));
  const golden = new GoldenLog();
  golden.extend(readImage(disk, WAL_DIR), 5, 'n1');
  return golden;
}

const at = (lsn: number) => ({ epoch: 1, lsn });
const entry = (key: string, value: string, lsn: number) => ({
  key: Buffer.from(key),
  value: Buffer.from(value),
  version: at(lsn),
});
const change = (key: string, value: string, lsn: number, op: 'put' | 'delete' = 'put') => {
  const { version, ...rest } = entry(key, value, lsn);
  return { kind: 'change' as const, op, ...rest, version, last: true };
};

describe('a scan', () => {
  const judge = (lsn: number, more: boolean, ...entries: ReturnType<typeof entry>[]) =>
    judgeScan(history(), { limit: 2 }, { entries, more, applied: at(lsn) });

  test('shows each key as the history has it at that position', () => {
    judge(3, false, entry('a', '2', 2), entry('b', '3', 3));
    judge(5, false, entry('b', '5', 5));
  });

  test('ends where its keys and values reach the bytes of a page', () => {
    const page = { entries: [entry('a', '2', 2)], more: true, applied: at(3) };
    judgeScan(history(), { limit: 2, bytesMax: 2 }, page);

    expect(() => judgeScan(history(), { limit: 2, bytesMax: 3 }, page)).toThrow('a scan at');
    expect(() => judgeScan(history(), { limit: 2, bytesMax: 2 }, { ...page, more: false })).toThrow(
      'a scan at',
    );
  });

  test.for([
    ['lacks a key', () => judge(3, false, entry('b', '3', 3))],
    ['shows a deleted key', () => judge(4, false, entry('a', '2', 2), entry('b', '3', 3))],
    ['shows what is written later', () => judge(4, false, entry('b', '5', 5))],
    ['shows another value', () => judge(5, false, entry('b', '3', 5))],
    ['says that more follows', () => judge(5, true, entry('b', '5', 5))],
    ['is beyond what is committed', () => judge(6, false, entry('b', '5', 5))],
  ] as const)('is wrong where it %s', ([, act]) => {
    expect(act).toThrow('a scan at');
  });
});

describe('a watch', () => {
  test('shows each change once, in order, and progress where there is none', () => {
    const judge = new WatchJudge(history());
    judge.saw({ kind: 'progress', version: at(1) });
    judge.saw(change('a', '2', 2));
    judge.saw(change('b', '3', 3));
    judge.saw({ kind: 'progress', version: at(3) });
    judge.saw(change('a', '', 4, 'delete'));
    judge.saw(change('b', '5', 5));

    expect(judge.cursor).toEqual(at(5));
    expect(judge.shown).toBe(4);
  });

  test.for([
    ['leaves one out', [change('b', '3', 3)], 'shows LSN 3, expected 2'],
    [
      'leaves one out and says that it got on',
      [{ kind: 'progress', version: at(2) }],
      'left out LSN 2',
    ],
    ['shows one twice', [change('a', '2', 2), change('a', '2', 2)], 'shows LSN 2'],
    ['goes back', [change('a', '2', 2), { kind: 'progress', version: at(1) }], 'goes back'],
    ['shows another value', [change('a', '3', 2)], 'another change'],
    ['takes a put for a delete', [change('a', '2', 2, 'delete')], 'another change'],
    ['is beyond what is committed', [{ kind: 'progress', version: at(6) }], 'beyond'],
  ] as const)('is wrong where it %s', ([, events, message]) => {
    const judge = new WatchJudge(history());

    expect(() => {
      for (const event of events) judge.saw(event);
    }).toThrow(message);
  });
});
