import { open } from 'node:fs/promises';
import { WalshipError } from '../errors.ts';
import type { Disk } from '../ports/disk.ts';
import { dump } from '../wal/tools/dump.ts';
import type { DumpLine } from '../wal/tools/dump.ts';
import { findEntry, listEntries } from '../wal/tools/saved.ts';
import type { ListedEntry } from '../wal/tools/saved.ts';
import { OP } from '../wal/format/record.ts';
import { keyToJson } from '../protocol/key-json.ts';
import type { CommandIo } from './command-io.ts';
import { logDump } from './log-dump.ts';
import { checkPath } from './log-path.ts';
import { textTable } from './text-table.ts';

const COPY_BYTES = 1024 * 1024;

/** An entry of saved/ in a data directory. */
export interface SavedTarget {
  readonly disk: Disk;
  readonly dir: string;
  readonly name: string;
}

/** Runs `walship saved list DIR`: prints the parts that were cut off this node's log, with reason, time and decider. */
export async function savedList(
  { disk, dir }: Omit<SavedTarget, 'name'>,
  options: { readonly json: boolean },
  io: CommandIo,
): Promise<void> {
  const entries = await listEntries(disk, await checkPath(dir, 'a directory'));
  if (options.json) return io.out(`${JSON.stringify(entries)}\n`);
  io.out(entries.length === 0 ? 'nothing was saved\n' : `${formatEntries(entries)}\n`);
}

/** Formats entries as a table; the reasons, which are sentences, come last. */
export function formatEntries(entries: readonly ListedEntry[]): string {
  const heads = [
    'NAME',
    'WHEN',
    'EPOCH',
    'FROM LSN',
    'TO LSN',
    'RECORDS',
    'BYTES',
    'LOCAL ACKS',
    'BY',
    'WHY',
  ];
  const rows = entries.map(
    ({ name, whenMs, from, to, records, bytes, localAcks, committedLsn, by, why }) => [
      name,
      new Date(whenMs).toISOString(),
      to === 'unknown' ? to : to.epoch,
      from.lsn,
      to === 'unknown' ? to : to.lsn,
      records,
      bytes,
      localAcks ?? 'unknown',
      by,
      // An operator may have had more cut than an old leader may cut on its own.
      (committedLsn ?? 0) >= from.lsn ? `${why}; up to ${committedLsn} was committed` : why,
    ],
  );
  return textTable(heads, rows);
}

/**
 * Runs `walship saved show DIR NAME`: prints every record and seal of one entry. @throws WalshipError CONFIG_INVALID,
 * WAL_CORRUPT.
 */
export async function savedShow(
  { disk, dir, name }: SavedTarget,
  options: { readonly json: boolean },
  io: CommandIo,
): Promise<void> {
  const { entry, path } = await findEntry(disk, await checkPath(dir, 'a directory'), name);
  if (options.json) {
    io.out(`${JSON.stringify({ kind: 'entry', ...entry })}\n`);
  } else {
    const when = new Date(entry.whenMs).toISOString();
    io.out(`saved ${when} by ${entry.by}: ${entry.why}\n`);
  }
  await logDump({ disk, path }, { json: options.json, from: 0 }, io);
}

export interface SavedExportOptions {
  readonly format: 'ndjson' | 'segment';
  /** Path of a file that does not exist yet; standard output unless given. */
  readonly out?: string;
}

/**
 * Runs `walship saved export DIR NAME`: writes one record per line, or the segment file unchanged.
 * @throws WalshipError CONFIG_INVALID; WAL_CORRUPT if a record does not continue: the records before it have been written by then.
 */
export async function savedExport(
  { disk, dir, name }: SavedTarget,
  options: SavedExportOptions,
  io: CommandIo,
): Promise<void> {
  const { path } = await findEntry(disk, await checkPath(dir, 'a directory'), name);
  const pieces = options.format === 'segment' ? rawPieces(disk, path) : recordLines(disk, path);
  const { out } = options;
  if (out === undefined) {
    for await (const piece of pieces) io.out(piece);
    return;
  }
  // Another file is never overwritten: an export may be the only copy.
  const target = await open(out, 'wx').catch((cause: unknown) => {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new WalshipError('CONFIG_INVALID', `cannot write ${out}: ${message}`, { cause });
  });
  try {
    for await (const piece of pieces) await target.appendFile(piece);
    await target.sync();
  } finally {
    await target.close();
  }
}

async function* rawPieces(disk: Disk, path: string): AsyncGenerator<Buffer> {
  const file = await disk.open(path, 'read');
  try {
    const size = await file.size();
    for (let offset = 0; offset < size;) {
      const buffer = Buffer.alloc(Math.min(COPY_BYTES, size - offset));
      const count = await file.read(buffer, offset);
      if (count === 0) return;
      yield buffer.subarray(0, count);
      offset += count;
    }
  } finally {
    await file.close();
  }
}

/** Yields lines of records; they wait for the seal of their batch, which has the epoch. */
async function* recordLines(disk: Disk, path: string): AsyncGenerator<string> {
  let batch: (DumpLine & { readonly kind: 'record' })[] = [];
  for await (const line of dump(disk, path)) {
    if (line.kind === 'record') {
      batch.push({ ...line, key: Buffer.from(line.key), value: Buffer.from(line.value) });
    } else if (line.kind === 'seal') {
      const { epoch } = line.seal;
      yield batch.map((record) => `${JSON.stringify(recordToJson(record, epoch))}\n`).join('');
      batch = [];
    } else if (line.kind === 'end' && line.problem !== undefined) {
      throw new WalshipError('WAL_CORRUPT', `${path}, offset ${line.offset}: ${line.problem}`);
    }
  }
}

function recordToJson(record: DumpLine & { readonly kind: 'record' }, epoch: number): unknown {
  const { lsn, op, opName, more, key, value } = record;
  const said =
    op === OP.EPOCH ? { leader: key.toString('utf8') } : { value64: value.toString('base64') };
  const named = op === OP.EPOCH ? {} : keyToJson(key);
  return { version: `${epoch}.${lsn}`, op: opName, last: !more, ...named, ...said };
}
