/**
 * Faults that cost a machine the contents of its disk: an empty disk replaces it, some bits rot, or an old copy is
 * put back. Each is the loss of one disk, and the promises hold for at most W-1 of them at a time: no more are lost.
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

/** Bytes at the end of the log that count as new. */
const NEWEST_BYTES = 2048;
/** Number of bits that rot at once. */
const FLIPS_MAX = 4;
/** Codes of a node that refuses to start on this disk, because an operator has to decide. */
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

  /** Replaces a disk by an empty one. */
  wipe(machine: SimMachine): void {
    if (this.#loses(machine)) machine.wipe();
  }

  /** Flips some bits of one file; they are found when it is read the next time. */
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

  /** Flips a bit of the newest data: a record near the end of the log. */
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

  /** Flips bits of a segment that a running node does not write any longer. */
  rotSealed(machine: SimMachine, entropy: SeededEntropy): void {
    const { checker, quorum, note } = this.#options;
    const { disk, nodeId, isUp } = machine;
    if (!isUp || checker.lost.size >= quorum - 1 || checker.lost.has(nodeId)) return;
    const segments = disk
      .paths()
      .filter((path) => path.startsWith(`${WAL_DIR}/`) && path.endsWith('.wal'));
    // The newest segment is still written; and before it is trimmed, a sealed one ends in fill.
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

  /** Makes a part of a file unreadable, for every process, until it is written anew. */
  loseSector(machine: SimMachine, entropy: SeededEntropy): void {
    const { disk, nodeId } = machine;
    const files = disk.paths().filter((path) => (disk.contentOf(path)?.length ?? 0) > 0);
    if (files.length === 0 || !this.#loses(machine)) return;
    const path = entropy.pick(files);
    const offset = entropy.below(disk.contentOf(path)?.length ?? 0);
    this.#options.note(`${nodeId}: byte ${offset} of ${path} cannot be read any more`);
    disk.loseSectors(path, offset);
  }

  /** Copies the disk, in one moment, as an operator does. */
  backUp({ nodeId, disk }: SimMachine): void {
    this.#backups.set(nodeId, disk.backup());
  }

  /**
   * Puts the last copy back, without meta.json, as the documentation tells operators: a copy lacks the node's later
   * promises. The node refuses to start on it.
   */
  restore(machine: SimMachine): void {
    const backup = this.#backups.get(machine.nodeId);
    if (backup === undefined || !this.#loses(machine)) return;
    this.#options.note(`${machine.nodeId} gets an old copy of its disk`);
    machine.disk.restore(backup);
    machine.disk.drop(`${DATA_DIR}/meta.json`);
  }

  /** Starts a machine that is down; one that refuses to start on a lost disk gets an empty one first. */
  start(machine: SimMachine): void {
    const { failure, nodeId, isUp } = machine;
    // A disk that cannot be read is replaced.
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

/**
 * Returns the offset of the last byte up to `offset` that is not fill: fill between two writes may rot unnoticed,
 * since it means nothing.
 */
function writtenAt(bytes: Buffer | undefined, offset: number): number {
  let at = offset;
  while (at > 0 && bytes?.[at] === FILL_BYTE) at -= 1;
  return at;
}

/**
 * Returns true for damage that a node has to find and repair: in the written part of a segment. Nodes read neither
 * the fill after it, nor saved/, on their own.
 */
export function hasRotInLog({ names }: SimDisk): boolean {
  return names.paths().some((path) => {
    if (!path.startsWith(`${WAL_DIR}/`) || !path.endsWith('.wal')) return false;
    const file = names.get(path);
    return file?.isRotten === true && file.isRottenBelow(usedBytes(file.view(false)));
  });
}

/** Returns the offset where the fill begins. */
function usedBytes(bytes: Buffer | undefined): number {
  let end = bytes?.length ?? 0;
  while (end > 0 && bytes?.[end - 1] === FILL_BYTE) end -= 1;
  return end;
}
