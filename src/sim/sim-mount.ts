import { dirname, normalize } from 'node:path/posix';
import { BLOCK_BYTES } from '../wal/limits.ts';
import { WalshipError } from '../errors.ts';
import type { Disk, DiskFile, DiskLock } from '../ports/disk.ts';
import type { SimProcess } from './sim-clock.ts';
import type { SimDisk } from './sim-disk.ts';
import { diskError, type DiskFault, type DiskOperation } from './sim-fault.ts';
import { diskBytes, SimFile } from './sim-file.ts';

/** What an operation does to the disk. */
export interface Action<T> {
  /** At the end of its time; may throw. */
  readonly apply: (operation: DiskOperation) => T;
  /** It fails, or its process dies, halfway. */
  readonly applyInPart?: () => void;
  /** It fails with EIO. */
  readonly fail?: () => void;
  /** Its process dies, and it does not happen. */
  readonly abandon?: () => void;
}

/** A SimDisk as one life of a process sees it: its operations in flight, and nothing after its death. */
export class SimMount implements Disk {
  readonly disk: SimDisk;
  readonly process: SimProcess;
  readonly #inFlight = new Set<{ operation: DiskOperation; action: Action<unknown> }>();

  constructor(disk: SimDisk, process: SimProcess) {
    this.disk = disk;
    this.process = process;
  }

  open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    const { names, directories } = this.disk;
    const at = normalize(path);
    const kind = mode === 'create' ? 'create' : 'open';
    return this.perform(
      { kind, path: at },
      {
        apply: (operation) => {
          let file = names.get(at);
          if (file === undefined) {
            if (mode !== 'create') throw diskError(operation, 'ENOENT');
            if (!directories.has(dirname(at))) throw diskError(operation, 'ENOENT');
            file = new SimFile();
            names.link(at, file);
          } else if (mode === 'create') {
            file.truncate(0);
          }
          return new SimHandle({ mount: this, path: at, file, isReadOnly: mode === 'read' });
        },
      },
    );
  }

  list(path: string): Promise<readonly string[]> {
    const { names, directories } = this.disk;
    const at = normalize(path);
    return this.perform(
      { kind: 'list', path: at },
      {
        apply: () => {
          const below = at === '/' ? '/' : `${at}/`;
          const children = [...names.paths(), ...directories]
            .filter((entry) => entry.startsWith(below) && entry.length > below.length)
            .map((entry) => entry.slice(below.length))
            .filter((name) => !name.includes('/'));
          return children.toSorted();
        },
      },
    );
  }

  makeDir(path: string): Promise<void> {
    const { directories } = this.disk;
    const at = normalize(path);
    return this.perform(
      { kind: 'makeDir', path: at },
      {
        apply: () => {
          for (let dir = at; dir !== '/' && dir !== '.'; dir = dirname(dir)) directories.add(dir);
        },
        applyInPart: () => {
          if (dirname(at) !== '/') directories.add(dirname(at));
        },
      },
    );
  }

  rename(source: string, target: string): Promise<void> {
    const [from, to] = [normalize(source), normalize(target)];
    return this.perform(
      { kind: 'rename', path: from, target: to },
      {
        apply: (operation) => {
          const { names, directories } = this.disk;
          const isPossible = names.get(from) !== undefined && directories.has(dirname(to));
          if (!isPossible) throw diskError(operation, 'ENOENT');
          names.rename(from, to);
        },
      },
    );
  }

  remove(path: string): Promise<void> {
    const at = normalize(path);
    return this.perform(
      { kind: 'remove', path: at },
      {
        apply: (operation) => {
          if (this.disk.names.get(at) === undefined) throw diskError(operation, 'ENOENT');
          this.disk.names.unlink(at);
        },
      },
    );
  }

  syncDir(path: string): Promise<void> {
    const { names } = this.disk;
    const at = normalize(path);
    const changes = names.beginSync(at);
    return this.perform(
      { kind: 'syncDir', path: at },
      {
        apply: (operation) => {
          if (!this.disk.directories.has(at)) throw diskError(operation, 'ENOENT');
          names.finishSync(changes, at);
        },
        fail: () => names.failSync(changes),
      },
    );
  }

  lock(path: string): Promise<DiskLock> {
    const { names, locks } = this.disk;
    const at = normalize(path);
    return this.perform(
      { kind: 'lock', path: at },
      {
        apply: () => {
          if (locks.has(at)) {
            const message = `${at} is locked by another process`;
            throw new WalshipError('DATA_DIR_LOCKED', message, { details: { path: at } });
          }
          if (names.get(at) === undefined) names.link(at, new SimFile());
          locks.set(at, this.process);
          return {
            release: () => {
              if (this.process.alive && locks.get(at) === this.process) locks.delete(at);
              return Promise.resolve();
            },
          };
        },
      },
    );
  }

  /** Does `action` in its time, unless a fault is planned for it. The promise of a dead process never settles. */
  perform<T>(described: Omit<DiskOperation, 'number'>, action: Action<T>): Promise<T> {
    if (!this.process.alive) return new Promise(() => undefined);
    const [operation, fault] = this.disk.begin(described);
    return new Promise<T>((resolve, reject) => {
      const entry = { operation, action };
      this.#inFlight.add(entry);
      if (fault === 'crash') {
        this.process.kill();
        return;
      }
      this.process.after(this.disk.delayMs(operation.kind), () => {
        this.#inFlight.delete(entry);
        try {
          if (fault !== undefined) throw failed(entry, fault);
          resolve(action.apply(operation));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  /** Each operation in flight happens, happens in part, or does not. */
  die(): void {
    for (const { operation, action } of this.#inFlight) {
      const lot = this.disk.entropy.below(3);
      try {
        if (lot === 0) action.apply(operation);
        else {
          if (lot === 1) action.applyInPart?.();
          action.abandon?.();
        }
      } catch {
        // It failed, and nobody is left to hear of it.
      }
    }
    this.#inFlight.clear();
  }
}

function failed(
  { operation, action }: { operation: DiskOperation; action: Action<unknown> },
  fault: Exclude<DiskFault, 'crash'>,
): WalshipError {
  action.applyInPart?.();
  action.fail?.();
  return diskError(operation, fault === 'enospc' ? 'ENOSPC' : 'EIO');
}

class SimHandle implements DiskFile {
  readonly #mount: SimMount;
  readonly #path: string;
  readonly #file: SimFile;
  readonly #isReadOnly: boolean;
  #isClosed = false;
  #inFlight = 0;

  constructor(options: { mount: SimMount; path: string; file: SimFile; isReadOnly: boolean }) {
    this.#mount = options.mount;
    this.#path = options.path;
    this.#file = options.file;
    this.#isReadOnly = options.isReadOnly;
  }

  size(): Promise<number> {
    return this.#perform({ kind: 'size' }, { apply: () => this.#file.size });
  }

  read(target: Buffer, position: number): Promise<number> {
    return this.#perform(
      { kind: 'read', position, bytes: target.length },
      {
        apply: () => this.#file.read(target, position),
      },
    );
  }

  write(source: Buffer, position: number): Promise<void> {
    return this.#perform(
      { kind: 'write', position, bytes: source.length },
      {
        apply: (operation) => this.#write(source, position, operation),
        applyInPart: () => this.#writeInPart(source, position),
      },
    );
  }

  writeDurable(source: Buffer, position: number): Promise<void> {
    const end = position + source.length;
    return this.#perform(
      { kind: 'writeDurable', position, bytes: source.length },
      {
        apply: (operation) => {
          this.#write(source, position, operation);
          this.#file.finishSync(this.#file.beginSync(position, end));
        },
        applyInPart: () => this.#writeInPart(source, position),
        // The write itself may have come through; what failed is the sync.
        fail: () => {
          if (this.#mount.disk.entropy.chance(0.5)) this.#file.write(source, position);
          this.#file.failSync(this.#file.beginSync(position, end));
        },
      },
    );
  }

  sync(): Promise<void> {
    const capture = this.#mount.process.alive ? this.#file.beginSync() : undefined;
    if (capture === undefined) return new Promise(() => undefined);
    return this.#perform(
      { kind: 'sync' },
      {
        apply: () => this.#file.finishSync(capture),
        fail: () => this.#file.failSync(capture),
        abandon: () => this.#file.abandonSync(capture),
      },
    );
  }

  truncate(bytes: number): Promise<void> {
    return this.#perform({ kind: 'truncate', bytes }, { apply: () => this.#file.truncate(bytes) });
  }

  close(): Promise<void> {
    // The kernel gives a closed descriptor's number to the next file, and the operation then hits that one.
    if (this.#inFlight > 0) {
      return Promise.reject(new Error(`${this.#path} is closed while in use`));
    }
    this.#isClosed = true;
    return Promise.resolve();
  }

  #perform<T>(described: Omit<DiskOperation, 'number' | 'path'>, action: Action<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new Error(`${this.#path} is used after close`));
    const operation = { path: this.#path, ...described };
    if (this.#isReadOnly && CHANGING.has(described.kind)) {
      return Promise.reject(diskError({ number: 0, ...operation }, 'EBADF'));
    }
    this.#inFlight += 1;
    return this.#mount.perform(operation, action).finally(() => {
      this.#inFlight -= 1;
    });
  }

  #write(source: Buffer, position: number, operation: DiskOperation): void {
    const { disk } = this.#mount;
    const growth = diskBytes(position + source.length) - diskBytes(this.#file.size);
    if (growth > 0 && disk.usedBytes() + growth > disk.capacityBytes) {
      this.#writeInPart(source, position);
      throw diskError(operation, 'ENOSPC');
    }
    this.#file.write(source, position);
  }

  /** Kernels copy by pages and disks write by blocks: a part ends at a border. */
  #writeInPart(source: Buffer, position: number): void {
    const end = position + this.#mount.disk.entropy.below(source.length + 1);
    const border = end - (end % BLOCK_BYTES);
    if (border > position) this.#file.write(source.subarray(0, border - position), position);
  }
}

const CHANGING: ReadonlySet<DiskOperation['kind']> = new Set(['write', 'writeDurable', 'truncate']);
