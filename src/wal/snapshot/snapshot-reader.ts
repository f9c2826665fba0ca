import { type Clock, nextTurn } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { KiB } from '../../ports/units.ts';
import { SnapshotDecoder } from './snapshot-decoder.ts';
import type { SnapshotVisitor } from './snapshot-decoder.ts';
import { parseSnapshotName, snapshotDirOf } from './snapshot-format.ts';
import type { SnapshotFile } from './snapshot-writer.ts';

/** Bytes that are read and visited in one turn of the event loop. */
const READ_BYTES = 256 * KiB;

export type ReadSnapshot =
  | { readonly kind: 'snapshot'; readonly snapshot: SnapshotFile }
  /** The file is invalid, and so are the visited keys. */
  | { readonly kind: 'invalid'; readonly reason: string };

export interface SnapshotPlace {
  readonly disk: Disk;
  readonly clock: Pick<Clock, 'soon'>;
}

/** Lists the snapshots of a data directory by file name, newest first, without reading them. */
export async function listSnapshots(
  disk: Disk,
  dir: string,
): Promise<readonly { readonly path: string; readonly startLsn: number }[]> {
  const directory = snapshotDirOf(dir);
  const found = [];
  for (const name of await disk.list(directory)) {
    const startLsn = parseSnapshotName(name);
    if (startLsn !== undefined) found.push({ path: `${directory}/${name}`, startLsn });
  }
  return found.toSorted((a, b) => b.startLsn - a.startLsn);
}

/**
 * Reads a snapshot in bounded memory, a little in each turn, and passes each key to `visit`; the visited keys are valid only if it
 * resolves with `snapshot`, since the digest comes last.
 * @throws WalshipError DISK_FAILED.
 */
export async function readSnapshot(
  { disk, clock }: SnapshotPlace,
  path: string,
  visit?: SnapshotVisitor,
): Promise<ReadSnapshot> {
  const file = await disk.open(path, 'read');
  try {
    const decoder = new SnapshotDecoder(visit);
    const bytes = await file.size();
    const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(READ_BYTES, bytes)));
    for (let offset = 0; offset < bytes && decoder.fault === undefined;) {
      const count = await file.read(buffer, offset);
      if (count === 0) break;
      decoder.add(buffer.subarray(0, count));
      offset += count;
      await nextTurn(clock);
    }
    const reason = decoder.end();
    const { header, footer } = decoder;
    if (reason !== undefined || header === undefined || footer === undefined) {
      return { kind: 'invalid', reason: reason ?? 'the file ends before its footer' };
    }
    const { epochs } = decoder;
    return { kind: 'snapshot', snapshot: { ...header, ...footer, epochs, path, bytes } };
  } finally {
    await file.close();
  }
}
