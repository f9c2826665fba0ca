import { diskError, type DiskOperation, type DiskOperationKind } from './sim-fault.ts';
import { diskBytes, type SimFile } from './sim-file.ts';
import type { SimNames } from './sim-names.ts';

export interface RoomLimits {
  /** Whole blocks of all files together. */
  readonly bytes?: number;
  /** Files and directories. */
  readonly inodes?: number;
  /** Open files of one process; one that is open for writing takes two. */
  readonly descriptors?: number;
}

/** A disk as far as its room is concerned: what its files take, and the names that they have. */
interface Contents {
  readonly names: SimNames;
  readonly directories: ReadonlySet<string>;
  /** Files that some process has open, with a name or without. */
  openFiles(): Iterable<SimFile>;
}

/**
 * Limits of a simulated disk. They stay as they are over kills, restarts and power cuts, until they are changed here or
 * something is removed.
 *
 * What is removed is free at once, unless it is still open. Its blocks are used again only once the removal is durable: where nothing else
 * is free, the changes of names so far become durable first, as the journal of a file system does it.
 */
export class SimRoom {
  /** More than this is ENOSPC: the write leaves a part behind. */
  capacityBytes: number;
  /** More files and directories than this is ENOSPC. */
  inodesMax: number;
  /** More open files of one process than this is EMFILE. */
  descriptorsMax: number;
  /** The file system is mounted read-only: whatever would change it is EROFS. */
  isReadOnly = false;
  readonly #contents: Contents;

  constructor(contents: Contents, limits: RoomLimits) {
    this.#contents = contents;
    this.capacityBytes = limits.bytes ?? Number.POSITIVE_INFINITY;
    this.inodesMax = limits.inodes ?? Number.POSITIVE_INFINITY;
    this.descriptorsMax = limits.descriptors ?? Number.POSITIVE_INFINITY;
  }

  /** Blocks of all files, in bytes. */
  get usedBytes(): number {
    return bytesOf(this.#files(this.#contents.names.current()));
  }

  get freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  get usedInodes(): number {
    return this.#inodesOf(this.#contents.names.current());
  }

  /** Others take what is free, but for so much. */
  fill(leftBytes = 0): void {
    this.capacityBytes = this.usedBytes + leftBytes;
  }

  /** Others take the inodes that are free, but for so many. */
  fillInodes(left = 0): void {
    this.inodesMax = this.usedInodes + left;
  }

  /** Nothing is bounded any more, and everything may be written. */
  free(): void {
    this.capacityBytes = Number.POSITIVE_INFINITY;
    this.inodesMax = Number.POSITIVE_INFINITY;
    this.descriptorsMax = Number.POSITIVE_INFINITY;
    this.isReadOnly = false;
  }

  /** @throws WalshipError DISK_FULL where a file cannot grow by so much. */
  takeBytes(growth: number, operation: DiskOperation): void {
    if (growth <= 0 || this.capacityBytes === Number.POSITIVE_INFINITY) return;
    const { names } = this.#contents;
    if (bytesOf(this.#files(names.files())) + growth <= this.capacityBytes) return;
    names.commit();
    if (this.usedBytes + growth > this.capacityBytes) throw diskError(operation, 'ENOSPC');
  }

  /** @throws WalshipError DISK_FULL where so many more files or directories cannot be made. */
  takeInodes(count: number, operation: DiskOperation): void {
    if (count <= 0 || this.inodesMax === Number.POSITIVE_INFINITY) return;
    const { names } = this.#contents;
    if (this.#inodesOf(names.files()) + count <= this.inodesMax) return;
    names.commit();
    if (this.usedInodes + count > this.inodesMax) throw diskError(operation, 'ENOSPC');
  }

  /** @throws WalshipError DISK_FAILED where the file system is read-only and that would change it. */
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
