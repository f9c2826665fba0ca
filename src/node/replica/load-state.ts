import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { Store } from '../../store/store.ts';
import { foreignSnapshot } from '../../wal/format/log-base.ts';
import type { Meta } from '../../wal/files/meta.ts';
import type { RecoveryWarning } from '../../wal/recovery/recover.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { Turns } from '../../ports/turns.ts';
import { snapshotDirOf } from '../../wal/snapshot/snapshot-format.ts';
import { listSnapshots, readSnapshot } from '../../wal/snapshot/snapshot-reader.ts';
import type { SnapshotFile } from '../../wal/snapshot/snapshot-writer.ts';

export interface StatePlace {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Path of the data directory. */
  readonly dir: string;
  /** Returns a seed for a new store. */
  readonly newSeed: () => number;
  /** Turns of the event loop, shared by all that go through much of the log. */
  readonly turns: Turns;
}

export function placeOf({
  disk,
  clock,
  dir,
  entropy,
}: Pick<StatePlace, 'disk' | 'clock' | 'dir'> & { readonly entropy: Entropy }): StatePlace {
  return { disk, clock, dir, newSeed: () => entropy.below(2 ** 31), turns: new Turns(clock) };
}

/** Creates an empty store. */
export function newStore({ newSeed }: Pick<StatePlace, 'newSeed'>): Store {
  return new Store({ seed: newSeed() });
}

/** A state to continue from: the contents of a snapshot, or nothing. */
export interface LoadedState {
  readonly store: Store;
  /**
   * Snapshot that the state begins with: the log is replayed from its start, and the state is inconsistent before its
   * end. Undefined where the log begins with LSN 1.
   */
  readonly snapshot: SnapshotFile | undefined;
  readonly warnings: readonly RecoveryWarning[];
}

/**
 * Loads the newest snapshot that is whole into a new store: used at a start, after a snapshot was installed, and after a cut
 * below what was applied. Snapshots that do not read are left where they are, with a warning.
 * @throws WalshipError WRONG_CLUSTER, DISK_FAILED.
 */
export async function loadState(
  place: Omit<StatePlace, 'turns'>,
  { clusterId, cut, replacedBy }: Pick<Meta, 'clusterId' | 'cut' | 'replacedBy'>,
): Promise<LoadedState> {
  const { disk, clock, dir } = place;
  const warnings: RecoveryWarning[] = [];
  for (const { path, startLsn } of await listSnapshots(disk, dir)) {
    // A snapshot with a higher LSN belongs to the log that is being replaced, and was about to be removed.
    if (replacedBy !== null && startLsn > replacedBy) continue;
    const store = newStore(place);
    const read = await readSnapshot({ disk, clock }, path, (lsn, key, value) => {
      store.putRange(lsn, key, value);
    });
    if (read.kind === 'invalid' || read.snapshot.start.lsn !== startLsn) {
      const reason = read.kind === 'invalid' ? read.reason : 'its name has another start LSN';
      warnings.push({
        code: 'SNAPSHOT_INVALID',
        message: `${path} is not a valid snapshot: ${reason}`,
      });
      continue;
    }
    const { snapshot } = read;
    if (clusterId !== null && snapshot.clusterId !== clusterId) {
      throw foreignSnapshot(path, snapshot.clusterId, clusterId);
    }
    // An unfinished cut removes records that this snapshot contains; its file was about to be removed.
    if (cut !== null && snapshot.endLsn > cut.lsn) continue;
    // The bytes were fsynced before the rename; the name itself may be in the page cache only.
    await disk.syncDir(snapshotDirOf(dir));
    return { store, snapshot, warnings };
  }
  return { store: newStore(place), snapshot: undefined, warnings };
}
