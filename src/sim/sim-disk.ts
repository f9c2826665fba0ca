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
 * - **No space** (`room`): bytes, inodes and descriptors are bounded, or the disk is read-only, until that is changed.
 * - A lock is freed when its holder dies.
 *
 * Two operations in flight at once end in any order. A write takes its bytes when it happens, not when it is
 * called: a buffer reused too early ends up in the file. Operations are counted and named (`operations`), faults are
 * planned by number or by what they do (`onOperation`), and a test that fails can say in which one.
 */
import type { Disk } from '../ports/disk.ts';
import type { SimProcess } from './sim-clock.ts';
import { SeededEntropy } from '../ports/seeded-entropy.ts';
import { describeDiskOperation, type DiskFault, type DiskOperation } from './sim-fault.ts';
import { SimFile } from './sim-file.ts';
import { SimNames } from './sim-names.ts';
import { SimMount } from './sim-mount.ts';
import { type RoomLimits, SimRoom } from './sim-room.ts';

/** Mean latencies in milliseconds; each operation takes between half and one and a half times as long. */
export interface DiskLatency {
  readonly readMs: number;
  readonly writeMs: number;
  readonly syncMs: number;
}

export interface SimDiskOptions {
  readonly seed: number | string;
  /** Limits of the disk; unbounded unless given. */
  readonly room?: RoomLimits;
  /** Latencies; without them every operation completes in the next turn. */
  readonly latency?: DiskLatency;
  /** True if power loss may leave the beginning of a block new and its end old. */
  readonly tearBlocks?: boolean;
  /** True if power loss may garble a block that is being written, or make it unreadable. */
  readonly garbleBlocks?: boolean;
}

const INSTANT: DiskLatency = { readMs: 0, writeMs: 0, syncMs: 0 };
/** Operations that are remembered, enough to see the cause of a failure. */
const HISTORY_MAX = 4096;
/** Operations that need no free space. */
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
  /** Limits of the disk. */
  readonly room: SimRoom;
  /** Directories. They are durable as soon as they exist. */
  readonly directories = new Set<string>(['/']);
  readonly locks = new Map<string, SimProcess>();
  /** Returns the fault for an operation; called before each one. */
  onOperation: (operation: DiskOperation) => DiskFault | undefined = () => undefined;
  /** Called with each operation before it happens, whatever its result. */
  watch: (operation: DiskOperation) => void = () => undefined;
  latency: DiskLatency;
  /** Factor on every latency: a disk that is slow now. */
  slowness = 1;
  /** Milliseconds that the next batch takes to become durable, whatever else the disk does in that time. */
  stallMs = 0;
  /** True if power loss may garble blocks, or make them unreadable. */
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

  /** Mounts the disk for one run of a process. */
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

  /** Number of operations called so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Latest operations, oldest first, for display. */
  get history(): readonly string[] {
    return this.#history.map(describeDiskOperation);
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

  /** Cancels all planned faults. */
  healthy(): void {
    this.onOperation = () => undefined;
    this.stallMs = 0;
  }

  /** Kills the processes that use it; their writes stay in the page cache, durable or not. */
  kill(): void {
    for (const mount of this.#mounts) mount.process.kill();
  }

  /** Kills the processes and drops the cache: see the fault model above. */
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

  /** Returns a copy of a file's cached bytes; undefined where it is absent. */
  contentOf(path: string): Buffer | undefined {
    return this.names.get(path)?.content();
  }

  /** Creates a durable file from outside, as an operator with a shell does. */
  put(path: string, bytes: Uint8Array): void {
    const file = this.names.get(path) ?? new SimFile();
    file.replace(bytes);
    this.names.set(path, file);
    for (let dir = parentOf(path); dir !== '/'; dir = parentOf(dir)) this.directories.add(dir);
  }

  /** Removes a file from outside, durably. */
  drop(path: string): void {
    this.names.set(path, undefined);
  }

  /** Returns a copy of the platters, as a backup that is taken from outside in one moment. */
  backup(): ReadonlyMap<string, Buffer> {
    const paths = this.names.durablePaths();
    return new Map(
      paths.map((path) => [path, Buffer.from(this.names.durable(path)?.view(true) ?? [])]),
    );
  }

  /** Replaces the disk by another one with the contents of a backup. */
  restore(backup: ReadonlyMap<string, Buffer>): void {
    this.wipe();
    for (const [path, bytes] of backup) this.put(path, bytes);
  }

  /** Replaces the disk by an empty one. */
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

  /**
   * Flips bits like `flip`, in a file that a process has open: the earlier bytes are remembered, until the file is
   * replaced or cut.
   */
  rot(path: string, offset: number, mask: number): void {
    const bytes = this.contentOf(path);
    const byte = bytes?.[offset];
    if (bytes === undefined || byte === undefined) {
      throw new RangeError(`${path} has no byte ${offset}`);
    }
    bytes[offset] = byte ^ mask;
    this.names.get(path)?.rot(bytes);
  }

  /** Makes the blocks that hold these bytes unreadable, for every process, until they are written anew. */
  loseSectors(path: string, from: number, to = from + 1): void {
    const file = this.names.get(path);
    if (file === undefined) throw new RangeError(`${path} is absent`);
    file.loseSectors(from, to);
  }

  /** True if a file rotted beneath a process and was not replaced since, or if a part of one cannot be read. */
  get hasRot(): boolean {
    return this.paths().some((path) => this.names.get(path)?.isRotten === true);
  }

  /** Cuts a file from outside, durably. */
  cut(path: string, bytes: number): void {
    const content = this.contentOf(path);
    if (content === undefined) throw new RangeError(`${path} is absent`);
    this.put(path, content.subarray(0, bytes));
  }

  /** Counts an operation and returns its fault. For mounts. */
  begin(operation: Omit<DiskOperation, 'number'>): [DiskOperation, DiskFault | undefined] {
    this.#operations += 1;
    const counted: DiskOperation = { number: this.#operations, ...operation };
    this.#history.push(counted);
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    this.watch(counted);
    const fault = this.onOperation(counted);
    return [counted, fault === 'enospc' && NEEDS_NO_ROOM.has(counted.kind) ? undefined : fault];
  }

  /** Returns the duration of an operation. For mounts. */
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
