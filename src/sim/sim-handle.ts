import type { DiskFile } from '../ports/disk.ts';
import { BLOCK_BYTES } from '../wal/format/limits.ts';
import { diskError } from './sim-fault.ts';
import type { Action, DiskOperation } from './sim-fault.ts';
import { diskBytes, type SimFile } from './sim-file.ts';
import type { SimProcess } from './sim-clock.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimRoom } from './sim-room.ts';

/** Mount that a file was opened through. */
export interface HandleMount {
  readonly process: SimProcess;
  readonly disk: { readonly entropy: SeededEntropy; readonly room: SimRoom };
  /** Performs `action` in its time, unless a fault is planned for it. */
  perform<T>(described: Omit<DiskOperation, 'number'>, action: Action<T>): Promise<T>;
}

/** A file that one run of a process has open. */
export class SimHandle implements DiskFile {
  readonly #mount: HandleMount;
  readonly #path: string;
  readonly file: SimFile;
  readonly isReadOnly: boolean;
  readonly #onClose: () => void;
  #isClosed = false;
  #inFlight = 0;

  constructor(options: {
    mount: HandleMount;
    path: string;
    file: SimFile;
    isReadOnly: boolean;
    onClose: () => void;
  }) {
    this.#mount = options.mount;
    this.#path = options.path;
    this.file = options.file;
    this.isReadOnly = options.isReadOnly;
    this.#onClose = options.onClose;
  }

  size(): Promise<number> {
    return this.#perform({ kind: 'size' }, { apply: () => this.file.size });
  }

  read(target: Buffer, position: number): Promise<number> {
    return this.#perform(
      { kind: 'read', position, bytes: target.length },
      {
        apply: (operation) => {
          if (this.file.isUnreadable(position, position + target.length)) {
            throw diskError(operation, 'EIO');
          }
          return this.file.read(target, position);
        },
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

  writeDurable(source: Buffer | readonly Buffer[], position: number): Promise<void> {
    const sources = Buffer.isBuffer(source) ? [source] : source;
    const bytes = sources.reduce((sum, { length }) => sum + length, 0);
    const end = position + bytes;
    // The bytes are taken when the write happens, as with any other write.
    const whole = (): Buffer => Buffer.concat(sources);
    return this.#perform(
      { kind: 'writeDurable', position, bytes },
      {
        apply: (operation) => {
          this.#write(whole(), position, operation);
          this.file.finishSync(this.file.beginSync(position, end));
        },
        applyInPart: () => this.#writeInPart(whole(), position),
        // The write itself may have been done; only the sync failed.
        fail: () => {
          const isWritten = this.#mount.disk.entropy.chance(0.5);
          if (isWritten && this.#roomUpTo(end) === end) this.file.write(whole(), position);
          this.file.failSync(this.file.beginSync(position, end));
        },
      },
    );
  }

  sync(): Promise<void> {
    const capture = this.#mount.process.alive ? this.file.beginSync() : undefined;
    if (capture === undefined) return new Promise(() => undefined);
    return this.#perform(
      { kind: 'sync' },
      {
        apply: (operation) => {
          if (this.#mount.disk.room.isReadOnly && capture.blocks.size > 0) {
            this.file.failSync(capture);
            throw diskError(operation, 'EROFS');
          }
          this.file.finishSync(capture);
        },
        fail: () => this.file.failSync(capture),
        abandon: () => this.file.abandonSync(capture),
      },
    );
  }

  truncate(bytes: number): Promise<void> {
    return this.#perform({ kind: 'truncate', bytes }, { apply: () => this.file.truncate(bytes) });
  }

  close(): Promise<void> {
    // The kernel gives a closed descriptor's number to the next file, and the operation then hits that one.
    if (this.#inFlight > 0) {
      return Promise.reject(new Error(`${this.#path} is closed while in use`));
    }
    this.#isClosed = true;
    this.#onClose();
    return Promise.resolve();
  }

  #perform<T>(described: Omit<DiskOperation, 'number' | 'path'>, action: Action<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new Error(`${this.#path} is used after close`));
    const operation = { path: this.#path, ...described };
    if (this.isReadOnly && CHANGING.has(described.kind)) {
      return Promise.reject(diskError({ number: 0, ...operation }, 'EBADF'));
    }
    this.#inFlight += 1;
    return this.#mount.perform(operation, action).finally(() => {
      this.#inFlight -= 1;
    });
  }

  #write(source: Buffer, position: number, operation: DiskOperation): void {
    const end = position + source.length;
    if (this.file.isUnwritable(position, end)) throw diskError(operation, 'EIO');
    const { room } = this.#mount.disk;
    const growth = diskBytes(end) - diskBytes(this.file.size);
    if (growth > 0) {
      try {
        room.takeBytes(growth, operation);
      } catch (error) {
        this.#writeUpTo(this.#roomUpTo(end), source, position);
        throw error;
      }
    }
    this.file.write(source, position);
  }

  /** Writes a part. Kernels copy by pages and disks write by blocks: a part ends at a border. */
  #writeInPart(source: Buffer, position: number): void {
    const end = position + this.#mount.disk.entropy.below(source.length + 1);
    this.#writeUpTo(this.#roomUpTo(end), source, position);
  }

  #writeUpTo(end: number, source: Buffer, position: number): void {
    const border = end - (end % BLOCK_BYTES);
    if (border > position) this.file.write(source.subarray(0, border - position), position);
  }

  /** Returns the offset up to which the file can be written, `end` at most. */
  #roomUpTo(end: number): number {
    return Math.min(end, diskBytes(this.file.size) + this.#mount.disk.room.freeBytes);
  }
}

const CHANGING: ReadonlySet<DiskOperation['kind']> = new Set(['write', 'writeDurable', 'truncate']);
