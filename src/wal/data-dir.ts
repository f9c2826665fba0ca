/**
 * List of all kinds of files in a data directory, shared by the clean-up, by the checks from outside, and by
 * docs/wal-format.md, whose table a test compares with it.
 */

import { META_NAME, META_SPARE_NAME } from './files/meta.ts';
import { parseSegmentName, TEMPORARY_SUFFIX } from './format/segment.ts';
import { parseIncomingName, parseSnapshotName } from './snapshot/snapshot-format.ts';

/** A directory of a data directory; the empty name is the data directory itself. */
export type DataDirName = '' | 'wal' | 'snapshots' | 'saved';

export type DataFileKind =
  | 'lock'
  | 'meta'
  | 'meta-spare'
  | 'drill-marker'
  | 'segment'
  | 'snapshot'
  | 'incoming-snapshot'
  | 'saved-segment'
  | 'saved-note'
  | 'temporary';

interface DataFileRule {
  readonly kind: DataFileKind;
  readonly dirs: readonly DataDirName[];
  readonly matches: (name: string) => boolean;
  /** The first column of the table in docs/wal-format.md. */
  readonly shown: string;
}

/** Directories below a data directory. */
const DATA_DIRS: readonly DataDirName[] = ['wal', 'snapshots', 'saved'];

export const DATA_FILES: readonly DataFileRule[] = [
  { kind: 'lock', dirs: [''], matches: (name) => name === 'LOCK', shown: 'LOCK' },
  { kind: 'meta', dirs: [''], matches: (name) => name === META_NAME, shown: META_NAME },
  {
    kind: 'meta-spare',
    dirs: [''],
    matches: (name) => name === META_SPARE_NAME,
    shown: META_SPARE_NAME,
  },
  { kind: 'drill-marker', dirs: [''], matches: (name) => name === 'DRILL', shown: 'DRILL' },
  {
    kind: 'segment',
    dirs: ['wal'],
    matches: (name) => parseSegmentName(name) !== undefined,
    shown: 'wal/<base LSN, 20 digits>.wal',
  },
  {
    kind: 'snapshot',
    dirs: ['snapshots'],
    matches: (name) => parseSnapshotName(name) !== undefined,
    shown: 'snapshots/<start LSN, 20 digits>.snap',
  },
  {
    kind: 'incoming-snapshot',
    dirs: ['snapshots'],
    matches: (name) => parseIncomingName(name) !== undefined,
    shown: 'snapshots/incoming-<SHA-256>.part',
  },
  {
    kind: 'saved-segment',
    dirs: ['saved'],
    matches: (name) => /^\d{20}-\d+\.wal$/.test(name),
    shown: 'saved/<LSN, 20 digits>-<n>.wal',
  },
  {
    kind: 'saved-note',
    dirs: ['saved'],
    matches: (name) => /^\d{20}-\d+\.json$/.test(name),
    shown: 'saved/<LSN, 20 digits>-<n>.json',
  },
  {
    kind: 'temporary',
    dirs: ['', ...DATA_DIRS],
    matches: (name) => name.endsWith(TEMPORARY_SUFFIX) && name !== TEMPORARY_SUFFIX,
    shown: `*${TEMPORARY_SUFFIX}`,
  },
];

/** The kind of a file, by its path relative to the data directory (`wal/spare.tmp`); undefined if no node creates a file of that name. */
export function dataFileKind(path: string): DataFileKind | undefined {
  const at = path.lastIndexOf('/');
  const dir = at === -1 ? '' : path.slice(0, at);
  const name = path.slice(at + 1);
  return DATA_FILES.find(({ dirs, matches }) => dirs.some((one) => one === dir) && matches(name))
    ?.kind;
}
