import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { WalshipError } from '../errors.ts';
import type { Disk, DiskFile, DiskLock } from './disk.ts';
import { lockFile } from './node-lock.ts';

const { O_CREAT, O_DSYNC, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export interface NodeDiskOptions {
  /** Goes on without a lock where none is to be had: two processes then may destroy a directory together. Default false. */
  readonly unsafeNoLock?: boolean;
}

/**
 * The file system of this machine.
 *
 * Raw descriptors, never streams or FileHandles: a close is explicit, and a write is one system call in one hop to the
 * thread pool. Durable writes go through a second descriptor with O_DSYNC, so that write and sync are one hop as well.
 */
export class NodeDisk implements Disk {
  readonly #unsafeNoLock: boolean;

  constructor(options: NodeDiskOptions = {}) {
    this.#unsafeNoLock = options.unsafeNoLock ?? false;
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    const flags =
      mode === 'read' ? O_RDONLY : mode === 'write' ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC;
    const plain = await openFd(path, flags);
    if (mode === 'read') return new NodeFile(path, { plain, durable: undefined });
    try {
      // Now and not when it is needed: by then the file may have another name.
      return new NodeFile(path, { plain, durable: await openFd(path, O_RDWR | O_DSYNC) });
    } catch (error) {
      await closeFd(plain, path);
      throw error;
    }
  }

  list(path: string): Promise<readonly string[]> {
    return new Promise((done, fail) => {
      fs.readdir(path, (error, names) => {
        if (error === null) done(names.toSorted());
        else if (error.code === 'ENOENT') done([]);
        else fail(diskError('list', path, error));
      });
    });
  }

  async makeDir(path: string): Promise<void> {
    const target = resolve(path);
    // The first one that was created, or undefined where all were there.
    const first = await new Promise<string | undefined>((done, fail) => {
      fs.mkdir(target, { recursive: true, mode: DIRECTORY_MODE }, (error, created) => {
        if (error === null) done(created);
        else fail(diskError('makeDir', path, error));
      });
    });
    if (first === undefined) {
      // An earlier process may have died between making the directory and making it durable.
      await this.syncDir(dirname(target));
      return;
    }
    const top = resolve(first);
    for (let made = target; ; made = dirname(made)) {
      await this.syncDir(dirname(made));
      if (made === top) return;
    }
  }

  rename(source: string, target: string): Promise<void> {
    return perform('rename', source, (done) => fs.rename(source, target, done));
  }

  remove(path: string): Promise<void> {
    return perform('remove', path, (done) => fs.unlink(path, done));
  }

  async syncDir(path: string): Promise<void> {
    const fd = await openFd(path, O_RDONLY);
    try {
      await perform('syncDir', path, (done) => fs.fsync(fd, done));
    } finally {
      await closeFd(fd, path);
    }
  }

  async lock(path: string): Promise<DiskLock> {
    const fd = await openFd(path, O_RDWR | O_CREAT);
    try {
      lockFile({ fd, path, unsafeNoLock: this.#unsafeNoLock });
    } catch (error) {
      await closeFd(fd, path);
      throw error;
    }
    let held = true;
    return {
      release: async () => {
        if (!held) return;
        held = false;
        await closeFd(fd, path);
      },
    };
  }
}

interface Descriptors {
  readonly plain: number;
  /** With O_DSYNC; absent on files that are only read. */
  readonly durable: number | undefined;
}

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #fds: Descriptors;
  #open = true;

  constructor(path: string, fds: Descriptors) {
    this.#path = path;
    this.#fds = fds;
  }

  size(): Promise<number> {
    return new Promise((done, fail) => {
      fs.fstat(this.#fds.plain, (error, stats) => {
        if (error === null) done(stats.size);
        else fail(diskError('size', this.#path, error));
      });
    });
  }

  async read(target: Buffer, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const count = await this.#readSome(target.subarray(filled), position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  write(source: Buffer, position: number): Promise<void> {
    return writeWhole(this.#fds.plain, source, { position, path: this.#path });
  }

  writeDurable(source: Buffer, position: number): Promise<void> {
    const path = this.#path;
    const fd = this.#fds.durable;
    if (fd === undefined) {
      const error = Object.assign(new Error('opened for reading only'), { code: 'EBADF' });
      return Promise.reject(diskError('write', path, error));
    }
    return writeWhole(fd, source, { position, path });
  }

  sync(): Promise<void> {
    return perform('sync', this.#path, (done) => fs.fsync(this.#fds.plain, done));
  }

  truncate(bytes: number): Promise<void> {
    return perform('truncate', this.#path, (done) => fs.ftruncate(this.#fds.plain, bytes, done));
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (this.#fds.durable !== undefined) await closeFd(this.#fds.durable, this.#path);
    await closeFd(this.#fds.plain, this.#path);
  }

  #readSome(target: Buffer, position: number): Promise<number> {
    return new Promise((done, fail) => {
      fs.read(this.#fds.plain, target, 0, target.length, position, (error, count) => {
        if (error === null) done(count);
        else fail(diskError('read', this.#path, error));
      });
    });
  }
}

interface WriteTarget {
  readonly position: number;
  readonly path: string;
}

/**
 * A short count means that the system failed after some bytes and kept the error to itself: the rest is written once more,
 * only to learn that error. Whatever comes of it, the write has failed, since a later part may be on the disk without an earlier one.
 */
function writeWhole(fd: number, source: Buffer, { position, path }: WriteTarget): Promise<void> {
  return new Promise((done, fail) => {
    fs.write(fd, source, 0, source.length, position, (error, count) => {
      if (error !== null) {
        fail(diskError('write', path, error));
        return;
      }
      if (count === source.length) {
        done();
        return;
      }
      const rest = source.length - count;
      fs.write(fd, source, count, rest, position + count, (second) => {
        const cause = second ?? new Error(`wrote ${count} of ${source.length} bytes`);
        fail(diskError('write', path, cause));
      });
    });
  });
}

function openFd(path: string, flags: number): Promise<number> {
  return new Promise((done, fail) => {
    fs.open(path, flags, FILE_MODE, (error, fd) => {
      if (error === null) done(fd);
      else fail(diskError('open', path, error));
    });
  });
}

function closeFd(fd: number, path: string): Promise<void> {
  return perform('close', path, (done) => fs.close(fd, done));
}

type Completion = (error: NodeJS.ErrnoException | null) => void;

function perform(
  operation: string,
  path: string,
  start: (done: Completion) => void,
): Promise<void> {
  return new Promise((done, fail) => {
    start((error) => {
      if (error === null) done();
      else fail(diskError(operation, path, error));
    });
  });
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** The failure of a system call as the port reports it. */
export function diskError(
  operation: string,
  path: string,
  cause: NodeJS.ErrnoException,
): WalshipError {
  const code = cause.code !== undefined && FULL.has(cause.code) ? 'DISK_FULL' : 'DISK_FAILED';
  const details = { path, operation, errno: cause.code ?? null };
  return new WalshipError(code, `${operation} of ${path}: ${cause.message}`, { details, cause });
}
