import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { DATA_FILES, dataFileKind } from '../../src/wal/data-dir.ts';
import { segmentName } from '../../src/wal/format/segment.ts';
import { snapshotName } from '../../src/wal/snapshot/snapshot-format.ts';

const LSN = '00000000000000000042';

describe('the kind of a file in a data directory', () => {
  test.for([
    ['LOCK', 'lock'],
    ['meta.json', 'meta'],
    ['DRILL', 'drill-marker'],
    [`wal/${segmentName(42)}`, 'segment'],
    [`snapshots/${snapshotName(42)}`, 'snapshot'],
    [`snapshots/incoming-${'0f'.repeat(32)}.part`, 'incoming-snapshot'],
    [`saved/${LSN}-1.wal`, 'saved-segment'],
    [`saved/${LSN}-12.json`, 'saved-note'],
    ['meta.json.tmp', 'temporary'],
    ['wal/spare.tmp', 'temporary'],
    [`wal/${segmentName(42)}.mend.tmp`, 'temporary'],
    [`snapshots/${snapshotName(42)}.tmp`, 'temporary'],
    [`saved/${LSN}-1.wal.tmp`, 'temporary'],
  ] as const)('%s is a %s', ([path, kind]) => {
    expect(dataFileKind(path)).toBe(kind);
  });

  test.for([
    'core',
    'wal/LOCK',
    'wal/meta.json',
    'wal/42.wal',
    'wal/.tmp',
    `wal/${snapshotName(42)}`,
    `snapshots/${segmentName(42)}`,
    'snapshots/incoming-42.part',
    `saved/${segmentName(42)}`,
    'elsewhere/spare.tmp',
    'wal/deeper/spare.tmp',
  ])('%s is of no kind: no node makes it', (path) => {
    expect(dataFileKind(path)).toBeUndefined();
  });

  test('each is in the table of docs/wal-format.md, and nothing else is', async () => {
    const text = await readFile(new URL('../../docs/wal-format.md', import.meta.url), 'utf8');
    const table = /\| Path \| What \|\n(?:\|[^\n]*\n)+/.exec(text)?.[0] ?? '';

    const paths = table.split('\n').slice(2, -1);
    const shown = paths.map((row) => /^\| `([^`]+)` \|/.exec(row)?.[1]);

    expect(new Set(shown)).toEqual(new Set(DATA_FILES.map((rule) => rule.shown)));
  });
});
