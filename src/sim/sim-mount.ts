import { dirname, normalize } from 'node:path/posix';
import { WalshipError } from '../errors.ts';
import type { Disk, DiskFile, DiskLock } from '../ports/disk.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimProcess } from './sim-clock.ts';
import { diskError } from './sim-fault.ts';
import type { Action, DiskFault, DiskOperation, Errno } from './sim-fault.ts';
import { SimFile } from './sim-file.ts';
import { SimHandle } from './sim-handle.ts';
import type { SimNames } from './sim-names.ts';
import type { SimRoom } from './sim-room.ts';

/** Parts of a simulated disk that its mounts share. */
export interface MountedDisk {
  readonly entropy: SeededEntropy;
  readonly names: SimNames;
  readonly directories: Set<string>;
  readonly room: SimRoom;
  /** Process that holds each lock, by path. */
  readonly locks: Map<string, SimProcess>;
  /** Counts an operation, and returns it with its fault. */
  begin(described: Omit<DiskOperation, 'number'>): readonly [DiskOperation, DiskFault | undefined];
  /** Returns the duration of an operation of this kind. */
  delayMs(kind: DiskOperation['kind']): number;
}

/** View of a SimDisk for one run of a process: its operations in flight, and nothing after its death. */
export class SimMount implements Disk {
  readonly disk: MountedDisk;
  readonly process: SimProcess;
  readonly #inFlight = new Set<{ operation: DiskOperation; action: Action<unknown> }>();
  readonly #handles = new Set<SimHandle>();
  #locks = 0;

  constructor(disk: MountedDisk, process: SimProcess) {
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
          this.#takeDescriptors(mode === 'read' ? 1 : 2, operation);
          let file = names.get(at);
          if (file === undefined) {
            if (mode !== 'create') throw diskError(operation, 'ENOENT');
            if (!directories.has(dirname(at))) throw diskError(operation, 'ENOENT');
            this.disk.room.takeInodes(1, operation);
            file = new SimFile();
            names.link(at, file);
          } else if (mode === 'create') {
            file.truncate(0);
          } else if (mode === 'write' && this.disk.room.isReadOnly) {
            throw diskError(operation, 'EROFS');
          }
          const handle = new SimHandle({
            mount: this,
            path: at,
            file,
            isReadOnly: mode === 'read',
            onClose: () => this.#handles.delete(handle),
          });
          this.#handles.add(handle);
          return handle;
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
        apply: (operation) => {
          this.#takeDescriptors(1, operation);
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
        apply: (operation) => {
          const missing: string[] = [];
          for (let dir = at; dir !== '/' && dir !== '.'; dir = dirname(dir)) {
            if (!directories.has(dir)) missing.push(dir);
          }
          // Making the directory durable opens its parent.
          this.#takeDescriptors(1, operation);
          if (missing.length > 0 && this.disk.room.isReadOnly) throw diskError(operation, 'EROFS');
          this.disk.room.takeInodes(missing.length, operation);
          for (const dir of missing) directories.add(dir);
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
          this.#takeDescriptors(1, operation);
          if (!this.disk.directories.has(at)) throw diskError(operation, 'ENOENT');
          if (this.disk.room.isReadOnly && changes.length > 0) {
            names.failSync(changes);
            throw diskError(operation, 'EROFS');
          }
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
        apply: (operation) => {
          this.#takeDescriptors(1, operation);
          if (locks.has(at)) {
            const message = `${at} is locked by another process`;
            throw new WalshipError('DATA_DIR_LOCKED', message, { details: { path: at } });
          }
          if (names.get(at) === undefined) {
            this.disk.room.takeInodes(1, operation);
            names.link(at, new SimFile());
          }
          locks.set(at, this.process);
          this.#locks += 1;
          return { release: () => this.#release(at) };
        },
      },
    );
  }

  /** Performs `action` in its time, unless a fault is planned for it. The promise of a dead process never settles. */
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
          this.disk.room.checkWritable(operation);
          resolve(action.apply(operation));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  /** Ends each operation in flight: it happens, happens in part, or does not. */
  die(): void {
    for (const { operation, action } of this.#inFlight) {
      const lot = this.disk.entropy.below(3);
      try {
        if (lot === 0) {
          this.disk.room.checkWritable(operation);
          action.apply(operation);
        } else {
          if (lot === 1) action.applyInPart?.();
          action.abandon?.();
        }
      } catch {
        // The operation failed, and no caller is left to be told.
      }
    }
    this.#inFlight.clear();
    this.#handles.clear();
    this.#locks = 0;
  }

  /** Files that this process has open. */
  openFiles(): readonly SimFile[] {
    return [...this.#handles].map(({ file }) => file);
  }

  /** Descriptors that this process holds. */
  get descriptors(): number {
    let count = this.#locks;
    for (const { isReadOnly } of this.#handles) count += isReadOnly ? 1 : 2;
    return count;
  }

  #takeDescriptors(count: number, operation: DiskOperation): void {
    const { descriptorsMax } = this.disk.room;
    if (this.descriptors + count > descriptorsMax) throw diskError(operation, 'EMFILE');
  }

  #release(path: string): Promise<void> {
    const { locks } = this.disk;
    if (this.process.alive && locks.get(path) === this.process) {
      locks.delete(path);
      this.#locks -= 1;
    }
    return Promise.resolve();
  }
}

const ERRNO_OF: Readonly<Record<Exclude<DiskFault, 'crash'>, Errno>> = {
  eio: 'EIO',
  enospc: 'ENOSPC',
  short: 'EIO',
  emfile: 'EMFILE',
};

function failed(
  { operation, action }: { operation: DiskOperation; action: Action<unknown> },
  fault: Exclude<DiskFault, 'crash'>,
): WalshipError {
  // Without a descriptor nothing was begun.
  if (fault !== 'emfile') {
    action.applyInPart?.();
    action.fail?.();
  }
  return diskError(operation, ERRNO_OF[fault]);
}
