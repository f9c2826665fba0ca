import type { DiskFile } from '../../../ports/disk.ts';
import type { FaultCalls } from './fault-calls.ts';
import type { SerialWork } from './serial-work.ts';
import type { Patch, UnsyncedFile } from './unsynced-file.ts';

/** A file, whatever its names and however often it is open. */
export interface TrackedFile {
  /** Parts that are not durable; undefined until the first open. */
  content: UnsyncedFile | undefined;
  /** Queue of changes and syncs. */
  readonly work: SerialWork;
  /** Path of its hard link in the side directory. */
  side: string | undefined;
}

export interface FaultFileOptions {
  readonly calls: FaultCalls;
  readonly path: string;
  readonly file: DiskFile;
  readonly content: UnsyncedFile;
  readonly work: SerialWork;
}

/** A file of a FaultDisk. */
export class FaultFile implements DiskFile {
  readonly #calls: FaultCalls;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #content: UnsyncedFile;
  readonly #work: SerialWork;

  constructor({ calls, path, file, content, work }: FaultFileOptions) {
    this.#calls = calls;
    this.#path = path;
    this.#file = file;
    this.#content = content;
    this.#work = work;
  }

  size(): Promise<number> {
    return this.#calls.call(() => this.#file.size());
  }

  read(target: Buffer, position: number): Promise<number> {
    return this.#calls.call(() => this.#file.read(target, position));
  }

  write(source: Buffer, position: number): Promise<void> {
    return this.#work.run(() =>
      this.#put(source, position, () => this.#file.write(source, position)),
    );
  }

  writeDurable(sources: Buffer | readonly Buffer[], position: number): Promise<void> {
    const source = Buffer.isBuffer(sources) ? sources : Buffer.concat(sources);
    return this.#work.run(async () => {
      const end = position + source.length;
      const toCache = (): Promise<void> => this.#file.write(source, position);
      if (this.#calls.isSlow(this.#path)) {
        await this.#put(source, position, toCache);
        await this.#calls.slow(this.#path);
      }
      const error = this.#calls.fsyncError({ operation: 'write', path: this.#path });
      if (error !== undefined) {
        await this.#put(source, position, toCache);
        this.#content.failed(position, end);
        throw error;
      }
      await this.#put(source, position, () => this.#file.writeDurable(source, position));
      this.#content.synced(position, end);
    });
  }

  sync(): Promise<void> {
    return this.#work.run(async () => {
      const operation = { operation: 'sync', path: this.#path };
      await this.#calls.slow(this.#path);
      this.#calls.failIfReadOnly(operation);
      const error = this.#calls.fsyncError(operation);
      if (error !== undefined) {
        this.#content.failed();
        throw error;
      }
      await this.#calls.call(() => this.#file.sync());
      this.#content.synced();
    });
  }

  truncate(bytes: number): Promise<void> {
    return this.#work.run(async () => {
      this.#calls.failIfReadOnly({ operation: 'truncate', path: this.#path });
      await this.#note(bytes, this.#content.bytes);
      await this.#calls.call(async () => {
        await this.#file.truncate(bytes);
        this.#calls.room.resize(this.#content.bytes, bytes);
        this.#content.resized(bytes);
      });
    });
  }

  close(): Promise<void> {
    return this.#calls.call(() => this.#file.close());
  }

  async #put(source: Buffer, position: number, write: () => Promise<void>): Promise<void> {
    const operation = { operation: 'write', path: this.#path };
    const end = position + source.length;
    this.#calls.failIfReadOnly(operation);
    this.#calls.takeBytes(end - this.#content.bytes, operation);
    await this.#note(position, end);
    await this.#calls.call(async () => {
      await write();
      this.#content.wrote(end);
    });
  }

  /** Remembers the durable bytes of [from, to) before they are changed. */
  async #note(from: number, to: number): Promise<void> {
    const range = this.#content.unknown(from, to);
    let before: Patch | undefined;
    if (range !== undefined) {
      const bytes = Buffer.alloc(range.to - range.from);
      await this.#calls.call(() => this.#file.read(bytes, range.from));
      before = { position: range.from, bytes };
    }
    this.#content.note(from, to, before);
  }
}
