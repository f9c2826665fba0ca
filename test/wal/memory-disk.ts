import { WalshipError } from '../../src/errors.ts';
import type { Disk, DiskFile, DiskLock } from '../../src/ports/disk.ts';

/** The smallest disk there is: files in a map, everything durable at once. It counts changes and can fail one of them. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Buffer>();
  /** Changes so far, in words. */
  readonly changes: string[] = [];
  /** The change with this number (from 1) fails, and so does every later one: the process is as good as dead. */
  failAt = Number.POSITIVE_INFINITY;

  get(path: string): Buffer {
    const bytes = this.files.get(path);
    if (bytes === undefined) {
      const details = { path, errno: 'ENOENT' };
      throw new WalshipError('DISK_FAILED', `${path} is absent`, { details });
    }
    return bytes;
  }

  open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    return this.#run(mode === 'create' ? `create ${path}` : '', () => {
      const file = { path };
      if (mode === 'create') this.files.set(path, Buffer.alloc(0));
      else this.get(path);
      return this.#file(file);
    });
  }

  list(path: string): Promise<readonly string[]> {
    return this.#run('', () =>
      [...this.files.keys()]
        .filter((name) => name.startsWith(`${path}/`))
        .map((name) => name.slice(path.length + 1))
        .filter((name) => !name.includes('/'))
        .toSorted(),
    );
  }

  makeDir(): Promise<void> {
    return Promise.resolve();
  }

  rename(source: string, target: string): Promise<void> {
    return this.#run(`rename ${target}`, () => {
      this.files.set(target, this.get(source));
      this.files.delete(source);
    });
  }

  remove(path: string): Promise<void> {
    return this.#run(`remove ${path}`, () => {
      this.get(path);
      this.files.delete(path);
    });
  }

  syncDir(): Promise<void> {
    return Promise.resolve();
  }

  lock(): Promise<DiskLock> {
    return Promise.resolve({ release: () => Promise.resolve() });
  }

  #file(file: { readonly path: string }): DiskFile {
    const write = (source: Buffer, position: number): Promise<void> =>
      this.#run(`write ${file.path}`, () => {
        const old = this.get(file.path);
        const bytes = Buffer.alloc(Math.max(old.length, position + source.length));
        old.copy(bytes);
        source.copy(bytes, position);
        this.files.set(file.path, bytes);
      });
    return {
      size: () => this.#run('', () => this.get(file.path).length),
      read: (target, position) =>
        this.#run('', () => {
          const bytes = this.get(file.path);
          return position < bytes.length ? bytes.copy(target, 0, position) : 0;
        }),
      write,
      writeDurable: (source, position) =>
        write(Buffer.isBuffer(source) ? source : Buffer.concat(source), position),
      sync: () => Promise.resolve(),
      truncate: (bytes) =>
        this.#run(`truncate ${file.path}`, () => {
          this.files.set(file.path, this.get(file.path).subarray(0, bytes));
        }),
      close: () => Promise.resolve(),
    };
  }

  #run<T>(change: string, operate: () => T): Promise<T> {
    if (change !== '') this.changes.push(change);
    if (this.changes.length >= this.failAt) {
      return Promise.reject(new WalshipError('DISK_FAILED', `failed at ${change}`));
    }
    try {
      return Promise.resolve(operate());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
