import { type Clock, nextTurn } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { WalshipError } from '../errors.ts';
import { loadState } from '../node/replica/load-state.ts';
import { keyToJson } from '../protocol/key-json.ts';
import { applyRecords } from '../store/apply.ts';
import type { Store } from '../store/store.ts';
import { KiB } from '../ports/units.ts';
import { type EpochSpan, newestOf, spanAt } from '../wal/format/history-spans.ts';
import { formatVersion } from '../wal/format/position.ts';
import { type LogEvent, readLog } from '../wal/tools/read-log.ts';
import type { CommandIo } from './command-io.ts';
import { checkPath } from './log-path.ts';

const PAGE = { limit: 1000, bytesMax: 256 * KiB };

export interface LogExportTarget {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly dir: string;
}

export interface LogExportOptions {
  /** True to export only records that the log knows to be committed; false for all that it holds. */
  readonly committed: boolean;
}

/** State that a data directory holds. */
interface ReadState {
  readonly store: Store;
  readonly epochs: readonly EpochSpan[];
  readonly lastLsn: number;
  /** LSN up to which the seals and the snapshot call the log committed. */
  readonly committedLsn: number;
  /** Reason why the state is incomplete, if it is. */
  readonly problem: string | undefined;
}

/**
 * Runs `walship log export DIR`: prints the live keys, one JSON object in a line, in byte order; from the newest whole snapshot and the log after it. Needs
 * no meta.json and changes nothing; standard error says up to which version.
 * @throws WalshipError WAL_CORRUPT if the log is damaged or incomplete; the readable part has been printed by then. OP_UNKNOWN.
 */
export async function logExport(
  target: LogExportTarget,
  options: LogExportOptions,
  io: CommandIo,
): Promise<void> {
  const place = { ...target, dir: await checkPath(target.dir, 'a directory') };
  const limitLsn = options.committed ? (await readState(place, 0)).committedLsn : Infinity;
  const state = await readState(place, limitLsn);
  for (const lines of pagesOf(state)) {
    io.out(lines);
    await nextTurn(target.clock);
  }
  const { store, lastLsn, committedLsn, problem } = state;
  io.err(
    `${store.count} keys as of lsn ${lastLsn}; the log knows lsn ${committedLsn} to be committed\n`,
  );
  if (problem !== undefined) throw new WalshipError('WAL_CORRUPT', `${place.dir}: ${problem}`);
}

/** Replays up to `limitLsn` at most, and reads to the end in any case. */
async function readState(
  { disk, clock, dir }: LogExportTarget,
  limitLsn: number,
): Promise<ReadState> {
  const loaded = await loadState(
    { disk, clock, dir, newSeed: () => 1 },
    { clusterId: null, cut: null, replacedBy: null },
  );
  const { store, snapshot } = loaded;
  const epochs = [...(snapshot?.epochs ?? [])];
  let lastLsn = snapshot?.start.lsn ?? 0;
  let committedLsn = snapshot?.endLsn ?? 0;
  let problem: string | undefined;
  let firstLsn: number | undefined;
  let endLsn = lastLsn;
  for await (const event of readLog(disk, dir, { clock, afterLsn: lastLsn })) {
    if (event.kind === 'end') problem = event.problem && placed(event);
    if (event.kind !== 'batch') continue;
    const { first, last, seal, epochStart } = event.batch;
    firstLsn ??= first.lsn + 1;
    endLsn = Math.max(endLsn, last.lsn);
    committedLsn = Math.max(committedLsn, Math.min(seal.commitLsn, last.lsn));
    if (last.lsn <= (snapshot?.start.lsn ?? 0)) continue;
    if (epochStart !== undefined) epochs.push(epochStart);
    if (last.lsn > limitLsn) continue;
    applyRecords(store, event.bytes);
    lastLsn = last.lsn;
  }
  const begins = snapshot === undefined ? 1 : snapshot.start.lsn + 1;
  if (firstLsn !== undefined && firstLsn > begins) {
    problem ??= `the log begins at lsn ${firstLsn}, and the records from lsn ${begins} on are missing`;
  }
  if (snapshot !== undefined && endLsn < snapshot.endLsn) {
    problem ??= `the snapshot of lsn ${snapshot.start.lsn} needs the log up to lsn ${snapshot.endLsn}, which ends at ${endLsn}: some keys may be missing or too old`;
  }
  // With a single voter, all that is durable is committed.
  if (newestOf(epochs)?.voters.length === 1) committedLsn = Math.max(committedLsn, endLsn);
  return { store, epochs, lastLsn, committedLsn, problem };
}

function placed({ segment, offset, problem }: LogEvent & { readonly kind: 'end' }): string {
  return `segment ${segment}, offset ${offset}: ${problem ?? ''}`;
}

/** Yields the lines, some at a time. */
function* pagesOf({ store, epochs }: ReadState): Generator<string> {
  for (let after: Buffer | undefined; ;) {
    const page = store.page(after === undefined ? PAGE : { ...PAGE, after });
    after = page.at(-1)?.key;
    if (after === undefined) return;
    const lines = page.map(({ key, value, lsn }) => {
      const epoch = spanAt(epochs, lsn)?.epoch ?? 0;
      const version = formatVersion({ epoch, lsn });
      const line = { ...keyToJson(key), value64: value.toString('base64'), version };
      return `${JSON.stringify(line)}\n`;
    });
    yield lines.join('');
  }
}
