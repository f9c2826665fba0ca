import { WalshipError } from '../errors.ts';
import type { Disk } from '../ports/disk.ts';
import { MiB } from './limits.ts';
import type { EpochSpan } from './history-spans.ts';
import type { Position } from './position.ts';
import { decodeRecord, OP, RecordView, writeU32, writeU64 } from './record.ts';
import { decodeSeal, SEAL_BYTES, SEAL_VALUE_BYTES } from './seal.ts';

/** What a snapshot vouches for: from `start` on the log is needed, and what is below it is known without the log. */
export interface LogBase {
  readonly clusterId: string;
  readonly start: Position;
  /** Everything up to here is committed. */
  readonly endLsn: number;
  /** Who wrote what it holds, and the record at the start; what no key names is forgotten. */
  readonly epochs: readonly EpochSpan[];
}

const WINDOW_BYTES = MiB;

/**
 * Just past the seal of `start` in a segment that is damaged before it; undefined where no such seal is found. It is known by its LSN, its
 * epoch and its chain, which a snapshot names: what follows it is the log that is needed.
 */
export async function endOfSeal(
  disk: Disk,
  path: string,
  start: Position,
): Promise<number | undefined> {
  const file = await disk.open(path, 'read');
  try {
    const sizeBytes = await file.size();
    const buffer = Buffer.allocUnsafeSlow(Math.min(WINDOW_BYTES, sizeBytes) + SEAL_BYTES);
    for (let offset = 0; offset < sizeBytes; offset += buffer.length - SEAL_BYTES) {
      const count = await file.read(buffer, offset);
      const found = sealIn(buffer.subarray(0, count), start);
      if (found !== undefined) return offset + found;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

function sealIn(bytes: Buffer, start: Position): number | undefined {
  const head = Buffer.alloc(17);
  writeU64(head, 0, start.lsn);
  head[8] = OP.SEAL;
  writeU32(head, 13, SEAL_VALUE_BYTES);
  const view = new RecordView();
  for (let at = bytes.indexOf(head); at !== -1; at = bytes.indexOf(head, at + 1)) {
    if (decodeRecord(bytes, at, view) !== undefined) continue;
    const seal = decodeSeal(view);
    if (typeof seal === 'string') continue;
    if (seal.epoch === start.epoch && seal.chain === start.chain) return view.end;
  }
  return undefined;
}

/** A snapshot of another cluster stands beside this log. */
export function foreignSnapshot(path: string, found: string, expected: string): WalshipError {
  return new WalshipError(
    'WRONG_CLUSTER',
    `${path} is of cluster ${found}, expected ${expected}: this is the directory of another cluster, check --data`,
    {
      details: {
        path,
        hint: `check --data; where that is right, move ${path} out of the directory: it does not belong there`,
      },
    },
  );
}
