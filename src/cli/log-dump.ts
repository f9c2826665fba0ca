import { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { dump } from '../wal/tools/dump.ts';
import type { DumpLine } from '../wal/tools/dump.ts';
import { keyToJson } from '../protocol/key-json.ts';
import { bytesForPeople } from './bytes-json.ts';
import type { CommandIo } from './command-io.ts';
import { checkPath } from './log-path.ts';

export interface LogDumpOptions {
  readonly json: boolean;
  /** LSN; batches that end before it are left out. */
  readonly from: number;
}

const VALUE_COLUMNS_MAX = 60;

/**
 * Runs `walship log dump PATH`: prints every record and seal, one line each.
 * @throws WalshipError WAL_CORRUPT if the log does not continue; the verified part has been printed by then.
 */
export async function logDump(
  { disk, clock, path }: { readonly disk: Disk; readonly clock?: Clock; readonly path: string },
  options: LogDumpOptions,
  io: CommandIo,
): Promise<void> {
  const checked = await checkPath(path, 'a directory or a segment');
  for await (const line of dump(disk, checked, {
    fromLsn: options.from,
    ...(clock && { clock }),
  })) {
    io.out(`${options.json ? JSON.stringify(lineToJson(line)) : formatLine(line)}\n`);
    if (line.kind !== 'end' || line.problem === undefined) continue;
    const place = `segment ${line.segment}, offset ${line.offset}`;
    throw new WalshipError('WAL_CORRUPT', `${place}: ${line.problem}`);
  }
}

function lineToJson(line: DumpLine): unknown {
  if (line.kind !== 'record') return line;
  const { key, value, ...rest } = line;
  // The value of an EPOCH record is shown decoded.
  const shown = line.epoch === undefined ? { value64: value.toString('base64') } : {};
  return { ...rest, ...keyToJson(key), ...shown };
}

function formatLine(line: DumpLine): string {
  switch (line.kind) {
    case 'segment': {
      const { baseLsn, epoch, chain, clusterId } = line.header;
      return `segment ${line.segment}  base lsn ${baseLsn}  epoch ${epoch}  chain ${hex(chain)}  cluster ${clusterId}  ${line.sizeBytes} bytes`;
    }
    case 'record': {
      const { epoch, lsn, opName, more, offset } = line;
      const key = bytesForPeople(line.key, VALUE_COLUMNS_MAX);
      const said =
        epoch === undefined
          ? bytesForPeople(line.value, VALUE_COLUMNS_MAX)
          : `epoch ${epoch.epoch} history ${epoch.historyId} voters ${epoch.voters.join(',')} quorum ${epoch.quorum}`;
      return `  ${offset}  ${lsn}  ${opName}${more ? '+' : ''}  ${key}  ${said}`.trimEnd();
    }
    case 'seal': {
      const { epoch, lsn, count, commitLsn, chain, timeMs } = line.seal;
      const time = new Date(timeMs).toISOString();
      return `  ${line.offset}  seal at ${lsn}  epoch ${epoch}  ${count} records  commit ${commitLsn}  chain ${hex(chain)}  ${time}`;
    }
    case 'end':
  }
  return line.problem === undefined
    ? `end of log at offset ${line.offset} of ${line.segment}`
    : `does not continue at offset ${line.offset} of ${line.segment}: ${line.problem}`;
}

/** Formats a checksum in hexadecimal. */
function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
