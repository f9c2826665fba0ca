/**
 * Faults that cost a machine what its disk holds: it is replaced by an empty one, some bits of it rot, or an old copy is put back. Each is the loss of
 * one disk, and the promises hold for at most W-1 of them at a time: beyond that nothing is done.
 */
import { isWalshipError } from '../errors.ts';
import type { ClusterChecker } from './cluster-checker.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import { FILL_BYTE, SEGMENT_HEADER_BYTES } from '../wal/format/limits.ts';
import type { SimDisk } from './sim-disk.ts';
import { DATA_DIR, type SimMachine, WAL_DIR } from './sim-machine.ts';

export interface DiskLossOptions {
  readonly checker: ClusterChecker;
  readonly quorum: number;
  readonly note: (text: string) => void;
}

/** So much of the end of the log counts as new. */
const NEWEST_BYTES = 2048;
/** Bits that rot at once. */
const FLIPS_MAX = 4;
/** How a node says that it will not start on this disk, and that a person has to decide. */
const REFUSALS: ReadonlySet<string> = new Set([
  'WAL_CORRUPT',
  'SEGMENT_MISSING',
  'UNSUPPORTED_VERSION',
  'WRONG_CLUSTER',
]);

export class DiskLoss {
  readonly #options: DiskLossOptions;
  readonly #backups = new Map<string, ReadonlyMap<string, Buffer>>();

  constructor(options: DiskLossOptions) {
    this.#options = options;
  }

  /** A disk is replaced by an empty one. */
  wipe(machine: SimMachine): void {
    if (this.#loses(machine)) machine.wipe();
  }

  /** Some bits of one file are not what they were when it is read the next time. */
  rot(machine: SimMachine, entropy: SeededEntropy): void {
    const { disk, nodeId } = machine;
    const files = disk.paths().filter((path) => (disk.contentOf(path)?.length ?? 0) > 0);
    if (files.length === 0 || !this.#loses(machine)) return;
    const path = entropy.pick(files);
    const size = disk.contentOf(path)?.length ?? 0;
    const flips = 1 + entropy.below(FLIPS_MAX);
    const start = entropy.below(size);
    this.#options.note(`${nodeId}: ${flips} bits rot in ${path} from byte ${start} on`);
    for (let count = 0; count < flips; count += 1) {
      const offset = Math.min(size - 1, start + entropy.below(512));
      disk.flip(path, offset, 1 << entropy.below(8));
    }
  }

  /** A bit of what was written last is not what it was: a record near the end of the log. */
  rotNewest(machine: SimMachine, entropy: SeededEntropy): void {
    const { disk, nodeId } = machine;
    const path = disk.paths().findLast((name) => name.startsWith(`${WAL_DIR}/`));
    const end = path === undefined ? 0 : usedBytes(disk.contentOf(path));
    if (path === undefined || end <= SEGMENT_HEADER_BYTES || !this.#loses(machine)) return;
    const from = Math.max(SEGMENT_HEADER_BYTES, end - NEWEST_BYTES);
    const offset = writtenAt(disk.contentOf(path), from + entropy.below(end - from));
    this.#options.note(
      `${nodeId}: a bit rots in ${path} at byte ${offset}, near the end of the log`,
    );
    disk.flip(path, offset, 1 << entropy.below(8));
  }

  /** Bits of a segment that a running node does not write to any more are not what they were. */
  rotSealed(machine: SimMachine, entropy: SeededEntropy): void {
    const { checker, quorum, note } = this.#options;
    const { disk, nodeId, isUp } = machine;
    if (!isUp || checker.lost.size >= quorum - 1 || checker.lost.has(nodeId)) return;
    const segments = disk
      .paths()
      .filter((path) => path.startsWith(`${WAL_DIR}/`) && path.endsWith('.wal'));
    // The newest one is written to; and before it is trimmed, a sealed one ends in fill.
    const sealed = segments
      .slice(0, -1)
      .filter((path) => disk.contentOf(path)?.at(-1) !== FILL_BYTE);
    if (sealed.length === 0) return;
    const path = entropy.pick(sealed);
    const size = disk.contentOf(path)?.length ?? 0;
    checker.loses(machine);
    const offset = writtenAt(disk.contentOf(path), entropy.below(size));
    note(`${nodeId}: a bit rots in ${path} at byte ${offset}, beneath the node`);
    disk.rot(path, offset, 1 << entropy.below(8));
  }

  /** A part of a file cannot be read any more, by whatever process, until it is written anew. */
  loseSector(machine: SimMachine, entropy: SeededEntropy): void {
    const { disk, nodeId } = machine;
    const files = disk.paths().filter((path) => (disk.contentOf(path)?.length ?? 0) > 0);
    if (files.length === 0 || !this.#loses(machine)) return;
    const path = entropy.pick(files);
    const offset = entropy.below(disk.contentOf(path)?.length ?? 0);
    this.#options.note(`${nodeId}: byte ${offset} of ${path} cannot be read any more`);
    disk.loseSectors(path, offset);
  }

  /** A person copies the disk, in one moment. */
  backUp({ nodeId, disk }: SimMachine): void {
    this.#backups.set(nodeId, disk.backup());
  }

  /**
   * A person puts the last copy back, without meta.json, as the documentation says: a copy has forgotten what the node promised since. The
   * node refuses to start on it.
   */
  restore(machine: SimMachine): void {
    const backup = this.#backups.get(machine.nodeId);
    if (backup === undefined || !this.#loses(machine)) return;
    this.#options.note(`${machine.nodeId} gets an old copy of its disk`);
    machine.disk.restore(backup);
    machine.disk.drop(`${DATA_DIR}/meta.json`);
  }

  /** Starts a machine that is down; one that refuses to start on a disk that was lost gets an empty one first. */
  start(machine: SimMachine): void {
    const { failure, nodeId, isUp } = machine;
    // A disk that cannot be read goes to the one who sells them.
    const isUnreadable = isWalshipError(failure, 'DISK_FAILED') && machine.disk.hasRot;
    const isRefusal = isUnreadable || (isWalshipError(failure) && REFUSALS.has(failure.code));
    const { checker } = this.#options;
    if (!isUp && isRefusal && checker.lost.has(nodeId)) {
      checker.emptied(machine);
      machine.wipe();
    }
    machine.start();
  }

  #loses(machine: SimMachine): boolean {
    const { checker, quorum } = this.#options;
    if (checker.lost.size >= quorum - 1 || checker.lost.has(machine.nodeId)) return false;
    machine.kill();
    checker.loses(machine);
    return true;
  }
}

/** The last byte up to `offset` that is not fill: what stands between two writes may rot unnoticed, since it means nothing. */
function writtenAt(bytes: Buffer | undefined, offset: number): number {
  let at = offset;
  while (at > 0 && bytes?.[at] === FILL_BYTE) at -= 1;
  return at;
}

/** Damage that a node has to find and mend: in what is written of a segment. Nobody reads the fill behind that, nor saved/, of its own accord. */
export function hasRotInLog({ names }: SimDisk): boolean {
  return names.paths().some((path) => {
    if (!path.startsWith(`${WAL_DIR}/`) || !path.endsWith('.wal')) return false;
    const file = names.get(path);
    return file?.isRotten === true && file.isRottenBelow(usedBytes(file.view(false)));
  });
}

/** Where the fill begins. */
function usedBytes(bytes: Buffer | undefined): number {
  let end = bytes?.length ?? 0;
  while (end > 0 && bytes?.[end - 1] === FILL_BYTE) end -= 1;
  return end;
}
