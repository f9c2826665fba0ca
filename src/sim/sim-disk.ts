/**
 * A disk with its kernel, whose every decision comes from a seed.
 *
 * Fault model. A file has two images: the page cache, which every process sees, and the platter. A sync makes
 * durable what was in the cache *when it began*; `writeDurable` only the blocks it wrote, and the size.
 *
 * - **Power loss** (`losePower`): the process dies. Of each file, every 512-byte block that was not synced is kept or lost, independently
 *   and in no order; a lost block has the bytes it had on the platter (zeros where the file was shorter). A size
 *   that was not synced is the old one, the new one, or (growing) anything between. Creations, renames and removals
 *   whose directory was not synced happen or do not, each independently; a rename happens as one or not at all. A block is the unit that
 *   disks write whole; `tearBlocks` takes even that away, and `garbleBlocks` what the block held before.
 * - **Kill** (`kill`): the process dies, the cache stays. A later power loss still loses what nobody synced.
 * - An operation in flight when its process dies happened, did not, or (a write) did in part. No promise of a dead
 *   process ever settles, and nothing that it calls has any effect.
 * - **A failed sync** (`eio`): the blocks it covered count as clean, are not on the platter, and a later sync reports
 *   success without writing them: retrying is a lie, as on Linux.
 * - **A sector that cannot be read** (`loseSectors`): reads of it fail, and writes of a part of it, until it is written
 *   anew; also over restarts and power cuts.
 * - **No room** (`room`): bytes, inodes and descriptors are bounded, or the disk is read-only, for as long as it is told so.
 * - A lock is freed when its holder dies.
 *
 * Two operations in flight at once end in any order. A write takes its bytes when it happens, not when it is
 * called: a buffer reused too early ends up in the file. Operations are counted and named (`operations`), faults are
 * planned by number or by what they do (`onOperation`), and a test that fails can say in which one.
 */
import type { Disk } from '../ports/disk.ts';
import type { SimProcess } from './sim-clock.ts';
import { SeededEntropy } from '../ports/seeded-entropy.ts';
import { describeOperation, type DiskFault, type DiskOperation } from './sim-fault.ts';
import { SimFile } from './sim-file.ts';
import { SimNames } from './sim-names.ts';
import { SimMount } from './sim-mount.ts';
import { type RoomLimits, SimRoom } from './sim-room.ts';

/** Mean milliseconds; each operation takes between half and one and a half times as long. */
export interface DiskLatency {
  readonly readMs: number;
  readonly writeMs: number;
  readonly syncMs: number;
}

export interface SimDiskOptions {
  readonly seed: number | string;
  /** Unbounded where it is not given. */
  readonly room?: RoomLimits;
  /** None: everything happens in the next turn. */
  readonly latency?: DiskLatency;
  /** Power loss may leave the beginning of a block new and its end old. */
  readonly tearBlocks?: boolean;
  /** Power loss may garble a block that is on its way to the disk, or make it unreadable. */
  readonly garbleBlocks?: boolean;
}

const INSTANT: DiskLatency = { readMs: 0, writeMs: 0, syncMs: 0 };
/** Enough to see what led to a failure. */
const HISTORY_MAX = 4096;
/** A full disk does not keep anybody from these. */
const NEEDS_NO_ROOM: ReadonlySet<DiskOperation['kind']> = new Set([
  'open',
  'list',
  'read',
  'remove',
  'size',
]);

export class SimDisk {
  readonly entropy: SeededEntropy;
  readonly names = new SimNames();
  /** What it has room for. */
  readonly room: SimRoom;
  /** Directories. They are durable as soon as they exist. */
  readonly directories = new Set<string>(['/']);
  readonly locks = new Map<string, SimProcess>();
  /** Asked before each operation; what it returns happens to it. */
  onOperation: (operation: DiskOperation) => DiskFault | undefined = () => undefined;
  /** Told of each operation before it happens, whatever becomes of it. */
  watch: (operation: DiskOperation) => void = () => undefined;
  latency: DiskLatency;
  /** Multiplies every latency: a disk that is slow now. */
  slowness = 1;
  /** The next batch takes so long to become durable, whatever else the disk does meanwhile. */
  stallMs = 0;
  /** Power loss may garble blocks, or make them unreadable. */
  garbleBlocks: boolean;

  readonly #tearBlocks: boolean;
  readonly #mounts = new Set<SimMount>();
  readonly #history: DiskOperation[] = [];
  #operations = 0;

  constructor(options: SimDiskOptions) {
    this.entropy = new SeededEntropy(options.seed).fork('disk');
    this.room = new SimRoom(
      {
        names: this.names,
        directories: this.directories,
        openFiles: () => [...this.#mounts].flatMap((mount) => mount.openFiles()),
      },
      options.room ?? {},
    );
    this.latency = options.latency ?? INSTANT;
    this.#tearBlocks = options.tearBlocks ?? false;
    this.garbleBlocks = options.garbleBlocks ?? false;
  }

  /** The disk as one life of a process sees it. */
  mount(process: SimProcess): Disk {
    const mount = new SimMount(this, process);
    this.#mounts.add(mount);
    process.onDeath(() => {
      this.#mounts.delete(mount);
      mount.die();
      for (const [path, holder] of this.locks) if (holder === process) this.locks.delete(path);
    });
    return mount;
  }

  /** Operations called so far. */
  get operations(): number {
    return this.#operations;
  }

  /** The latest operations, oldest first, for people. */
  get history(): readonly string[] {
    return this.#history.map(describeOperation);
  }

  /** Crashes in operation number `number`, as `onOperation` would. */
  crashAt(number: number): void {
    this.failAt(number, 'crash');
  }

  /** Lets `fault` happen to operation number `number`, once. */
  failAt(number: number, fault: DiskFault): void {
    const before = this.onOperation;
    this.onOperation = (operation) => (operation.number === number ? fault : before(operation));
  }

  /** No fault is planned any more. */
  healthy(): void {
    this.onOperation = () => undefined;
    this.stallMs = 0;
  }

  /** The processes that use it die; what they wrote stays in the page cache, durable or not. */
  kill(): void {
    for (const mount of this.#mounts) mount.process.kill();
  }

  /** The processes die and the cache is gone: see the fault model above. */
  losePower(): void {
    this.kill();
    const how = { tearBlocks: this.#tearBlocks, garbleBlocks: this.garbleBlocks };
    for (const file of this.names.files()) file.losePower(this.entropy, how);
    this.names.losePower(this.entropy);
  }

  /** Paths of all files, sorted. */
  paths(): readonly string[] {
    return this.names.paths();
  }

  /** A copy of a file's cached bytes; undefined where it is absent. */
  contentOf(path: string): Buffer | undefined {
    return this.names.get(path)?.content();
  }

  /** Puts a durable file there from outside, as an operator with a shell does. */
  put(path: string, bytes: Uint8Array): void {
    const file = this.names.get(path) ?? new SimFile();
    file.replace(bytes);
    this.names.set(path, file);
    for (let dir = parentOf(path); dir !== '/'; dir = parentOf(dir)) this.directories.add(dir);
  }

  /** Takes a file away from outside, durably. */
  drop(path: string): void {
    this.names.set(path, undefined);
  }

  /** A copy of what is on the platters, as a backup that is taken from outside in one moment. */
  backup(): ReadonlyMap<string, Buffer> {
    const paths = this.names.durablePaths();
    return new Map(
      paths.map((path) => [path, Buffer.from(this.names.durable(path)?.view(true) ?? [])]),
    );
  }

  /** Another disk in its place, with what a backup holds. */
  restore(backup: ReadonlyMap<string, Buffer>): void {
    this.wipe();
    for (const [path, bytes] of backup) this.put(path, bytes);
  }

  /** Another disk in its place: empty. */
  wipe(): void {
    for (const path of [...this.paths(), ...this.names.durablePaths()]) this.drop(path);
    this.directories.clear();
    this.directories.add('/');
  }

  /** Flips the bits of `mask` in one byte, on the platter and in the cache. */
  flip(path: string, offset: number, mask: number): void {
    const bytes = this.contentOf(path);
    const byte = bytes?.[offset];
    if (bytes === undefined || byte === undefined) {
      throw new RangeError(`${path} has no byte ${offset}`);
    }
    bytes[offset] = byte ^ mask;
    this.put(path, bytes);
  }

  /** As `flip`, beneath a process that reads the file: what it held before is remembered, until it is replaced or cut. */
  rot(path: string, offset: number, mask: number): void {
    const bytes = this.contentOf(path);
    const byte = bytes?.[offset];
    if (bytes === undefined || byte === undefined) {
      throw new RangeError(`${path} has no byte ${offset}`);
    }
    bytes[offset] = byte ^ mask;
    this.names.get(path)?.rot(bytes);
  }

  /** The blocks that hold these bytes cannot be read any more, by any process, until they are written anew. */
  loseSectors(path: string, from: number, to = from + 1): void {
    const file = this.names.get(path);
    if (file === undefined) throw new RangeError(`${path} is absent`);
    file.loseSectors(from, to);
  }

  /** A file rotted beneath a process, and is what it was then; or a part of one cannot be read. */
  get hasRot(): boolean {
    return this.paths().some((path) => this.names.get(path)?.isRotten === true);
  }

  /** Cuts a file from outside, durably. */
  cut(path: string, bytes: number): void {
    const content = this.contentOf(path);
    if (content === undefined) throw new RangeError(`${path} is absent`);
    this.put(path, content.subarray(0, bytes));
  }

  /** Counts an operation and asks what shall happen to it. For mounts. */
  begin(operation: Omit<DiskOperation, 'number'>): [DiskOperation, DiskFault | undefined] {
    this.#operations += 1;
    const counted: DiskOperation = { number: this.#operations, ...operation };
    this.#history.push(counted);
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    this.watch(counted);
    const fault = this.onOperation(counted);
    return [counted, fault === 'enospc' && NEEDS_NO_ROOM.has(counted.kind) ? undefined : fault];
  }

  /** How long an operation takes. For mounts. */
  delayMs(kind: DiskOperation['kind']): number {
    if (kind === 'writeDurable' && this.stallMs > 0) {
      const { stallMs } = this;
      this.stallMs = 0;
      return stallMs;
    }
    const { readMs, writeMs, syncMs } = this.latency;
    let meanMs = readMs;
    if (kind === 'write') meanMs = writeMs;
    else if (kind === 'sync' || kind === 'syncDir' || kind === 'writeDurable') meanMs = syncMs;
    return meanMs === 0 ? 0 : meanMs * this.slowness * this.entropy.between(0.5, 1.5);
  }
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}
