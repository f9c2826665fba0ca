/** Reader of saved/ from outside: lists the pieces that were cut off a log, and the reasons. Locks nothing and changes nothing. */
import { WalshipError } from '../../errors.ts';
import type { Disk } from '../../ports/disk.ts';
import { listSaved, savedPath } from '../files/saved.ts';
import type { SavedEntry } from '../files/saved.ts';
import { readLog } from './read-log.ts';

/** An entry of saved/, with the number of its readable records. */
export interface ListedEntry extends Omit<SavedEntry, 'records'> {
  /** Number of readable records; `unknown` if the segment is damaged before the first one. */
  readonly records: number | 'unknown';
}

/** Lists all entries, by LSN; counts the records of entries whose note has no count. */
export async function listEntries(disk: Disk, dir: string): Promise<readonly ListedEntry[]> {
  const listed: ListedEntry[] = [];
  for (const entry of await listSaved({ disk, dir })) {
    const records = entry.records ?? (await countRecords(disk, savedPath(dir, entry.name)));
    listed.push({ ...entry, records });
  }
  return listed;
}

/**
 * Finds the entry of that name; its segment is at `path`.
 * @throws WalshipError CONFIG_INVALID if there is none.
 */
export async function findEntry(
  disk: Disk,
  dir: string,
  name: string,
): Promise<{ readonly entry: SavedEntry; readonly path: string }> {
  const entries = await listSaved({ disk, dir });
  const entry = entries.find((saved) => saved.name === name || saved.name === `${name}.wal`);
  if (entry !== undefined) return { entry, path: savedPath(dir, entry.name) };
  const names = entries.map((saved) => saved.name).join(', ');
  const there = names === '' ? 'nothing was ever saved there' : `there are ${names}`;
  throw new WalshipError('CONFIG_INVALID', `${dir} has no saved entry ${name}: ${there}`);
}

async function countRecords(disk: Disk, path: string): Promise<number | 'unknown'> {
  let records: number | 'unknown' = 'unknown';
  for await (const event of readLog(disk, path)) {
    if (event.kind !== 'batch') continue;
    records = (records === 'unknown' ? 0 : records) + event.batch.seal.count;
  }
  return records;
}
