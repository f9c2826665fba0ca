import { diskError, type DiskOperation, type DiskOperationKind } from './sim-fault.ts';
import { diskBytes, type SimFile } from './sim-file.ts';
import type { SimNames } from './sim-names.ts';

export interface RoomLimits {
  /** Bytes in whole blocks, of all files together. */
  readonly bytes?: number;
  /** Number of files and directories. */
  readonly inodes?: number;
  /** Number of open files of one process; a file open for writing takes two. */
  readonly descriptors?: number;
}

/** Contents of a disk, as far as its space is concerned: the sizes of files, and their names. */
interface Contents {
  readonly names: SimNames;
  readonly directories: ReadonlySet<string>;
  /** Returns the files that some process has open, with a name or without. */
  openFiles(): Iterable<SimFile>;
}

/**
 * Limits of a simulated disk. They survive kills, restarts and power cuts, until they are changed here or
 * something is removed.
 *
 * A removed file is free at once, unless it is still open. Its blocks are used again only once the removal is durable: where nothing else
 * is free, the changes of names so far become durable first, as the journal of a file system does it.
 */
export class SimRoom {
  /** Bytes above which a write fails with ENOSPC, and leaves a part behind. */
  capacityBytes: number;
  /** Number of files and directories above which a creation fails with ENOSPC. */
  inodesMax: number;
  /** Number of open files of one process above which an open fails with EMFILE. */
  descriptorsMax: number;
  /** True for a file system mounted read-only: every change fails with EROFS. */
  isReadOnly = false;
  readonly #contents: Contents;

  constructor(contents: Contents, limits: RoomLimits) {
    this.#contents = contents;
    this.capacityBytes = limits.bytes ?? Number.POSITIVE_INFINITY;
    this.inodesMax = limits.inodes ?? Number.POSITIVE_INFINITY;
    this.descriptorsMax = limits.descriptors ?? Number.POSITIVE_INFINITY;
  }

  /** Bytes in the blocks of all files. */
  get usedBytes(): number {
    return bytesOf(this.#files(this.#contents.names.current()));
  }

  get freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  get usedInodes(): number {
    return this.#inodesOf(this.#contents.names.current());
  }

  /** Fills the disk, except for this many bytes. */
  fill(leftBytes = 0): void {
    this.capacityBytes = this.usedBytes + leftBytes;
  }

  /** Takes the free inodes, except for this many. */
  fillInodes(left = 0): void {
    this.inodesMax = this.usedInodes + left;
  }

  /** Removes all limits. */
  free(): void {
    this.capacityBytes = Number.POSITIVE_INFINITY;
    this.inodesMax = Number.POSITIVE_INFINITY;
    this.descriptorsMax = Number.POSITIVE_INFINITY;
    this.isReadOnly = false;
  }

  /** Checks that a file can grow by this many bytes. @throws WalshipError DISK_FULL. */
  takeBytes(growth: number, operation: DiskOperation): void {
    if (growth <= 0 || this.capacityBytes === Number.POSITIVE_INFINITY) return;
    const { names } = this.#contents;
    if (bytesOf(this.#files(names.files())) + growth <= this.capacityBytes) return;
    names.commit();
    if (this.usedBytes + growth > this.capacityBytes) throw diskError(operation, 'ENOSPC');
  }

  /** Checks that this many files or directories can be made. @throws WalshipError DISK_FULL. */
  takeInodes(count: number, operation: DiskOperation): void {
    if (count <= 0 || this.inodesMax === Number.POSITIVE_INFINITY) return;
    const { names } = this.#contents;
    if (this.#inodesOf(names.files()) + count <= this.inodesMax) return;
    names.commit();
    if (this.usedInodes + count > this.inodesMax) throw diskError(operation, 'ENOSPC');
  }

  /** Checks that the operation is allowed on a read-only file system. @throws WalshipError DISK_FAILED. */
  checkWritable(operation: DiskOperation): void {
    if (this.isReadOnly && CHANGING.has(operation.kind)) throw diskError(operation, 'EROFS');
  }

  #files(named: ReadonlySet<SimFile>): Set<SimFile> {
    return new Set([...named, ...this.#contents.openFiles()]);
  }

  #inodesOf(named: ReadonlySet<SimFile>): number {
    return this.#files(named).size + this.#contents.directories.size;
  }
}

/** Operations that a read-only file system refuses, whatever they would change. */
const CHANGING: ReadonlySet<DiskOperationKind> = new Set([
  'create',
  'rename',
  'remove',
  'lock',
  'write',
  'writeDurable',
  'truncate',
]);

function bytesOf(files: Iterable<SimFile>): number {
  let bytes = 0;
  for (const file of files) bytes += diskBytes(file.size);
  return bytes;
}
