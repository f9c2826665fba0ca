import type { Clock } from './clock.ts';
import type { Disk, DiskFile, DiskLock } from './disk.ts';

/** Paths of files whose durable writes are measured: the files of the log. */
const MEASURED = /\/wal\/[^/]+$/;

/** A disk that reports the duration of each durable write to the log, in milliseconds; passes all calls to the given disk. */
export class TimedDisk implements Disk {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #onDurable: (ms: number) => void;

  constructor(disk: Disk, clock: Clock, onDurable: (ms: number) => void) {
    this.#disk = disk;
    this.#clock = clock;
    this.#onDurable = onDurable;
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    const file = await this.#disk.open(path, mode);
    return MEASURED.test(path) && mode !== 'read' ? this.#timed(file) : file;
  }

  list(path: string): Promise<readonly string[]> {
    return this.#disk.list(path);
  }

  makeDir(path: string): Promise<void> {
    return this.#disk.makeDir(path);
  }

  rename(source: string, target: string): Promise<void> {
    return this.#disk.rename(source, target);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  syncDir(path: string): Promise<void> {
    return this.#disk.syncDir(path);
  }

  lock(path: string): Promise<DiskLock> {
    return this.#disk.lock(path);
  }

  #timed(file: DiskFile): DiskFile {
    return {
      size: () => file.size(),
      read: (target, position) => file.read(target, position),
      write: (source, position) => file.write(source, position),
      writeDurable: async (source, position) => {
        const startMs = this.#clock.nowMs();
        await file.writeDurable(source, position);
        this.#onDurable(this.#clock.nowMs() - startMs);
      },
      sync: () => file.sync(),
      truncate: (bytes) => file.truncate(bytes),
      close: () => file.close(),
    };
  }
}
