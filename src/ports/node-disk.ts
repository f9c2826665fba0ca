import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescriptorReserve } from './node-descriptor-reserve.ts';
import { isWalshipError } from '../errors.ts';
import { nodeDiskError } from './node-disk-error.ts';
import type { Disk, DiskFile, DiskLock } from './disk.ts';
import { lockFile } from './node-lock.ts';

const { O_CREAT, O_DSYNC, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Temporary reasons for a failed open. Nothing was written, so the open is retried every OPEN_RETRY_MS … */
const PASSING: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);
const OPEN_RETRY_MS = 50;
/** … for at most this long. */
export const OPEN_RETRY_MS_MAX = 2_000;

export interface NodeDiskOptions {
  /** Continues without a lock if the file system has none: two processes can then destroy a directory. Default false. */
  readonly unsafeNoLock?: boolean;
  /**
   * True if a write with O_DSYNC is durable. Default: on Linux only. Elsewhere fsync does more (on macOS it flushes the
   * drive's cache), and a durable write is a write followed by an fsync.
   */
  readonly dsync?: boolean;
}

/**
 * The file system of this machine.
 *
 * Raw descriptors, never streams or FileHandles: a close is explicit, and a write is one system call in one hop to the
 * thread pool. Durable writes go through a second descriptor with O_DSYNC, so that write and sync are one hop as well.
 */
export class NodeDisk implements Disk {
  readonly #unsafeNoLock: boolean;
  readonly #dsync: boolean;
  readonly #reserve = new DescriptorReserve();
  /** Directories whose names this process has made durable already. */
  readonly #durableDirs = new Set<string>();

  constructor(options: NodeDiskOptions = {}) {
    this.#unsafeNoLock = options.unsafeNoLock ?? false;
    this.#dsync = options.dsync ?? process.platform === 'linux';
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    const flags =
      mode === 'read' ? O_RDONLY : mode === 'write' ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC;
    const plain = await this.#openFd(path, flags);
    const closed = (): void => this.#reserve.refill();
    if (mode === 'read') return new NodeFile(path, { plain, durable: undefined, closed });
    if (!this.#dsync) return new NodeFile(path, { plain, durable: plain, closed });
    try {
      // Opened now rather than on first use: by then the file may have another name.
      const durable = await this.#openFd(path, O_RDWR | O_DSYNC);
      return new NodeFile(path, { plain, durable, closed });
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
        else fail(nodeDiskError('list', path, error));
      });
    });
  }

  async makeDir(path: string): Promise<void> {
    const target = resolve(path);
    // The topmost directory that was created, or undefined if all existed.
    const first = await new Promise<string | undefined>((done, fail) => {
      fs.mkdir(target, { recursive: true, mode: DIRECTORY_MODE }, (error, created) => {
        if (error === null) done(created);
        else fail(nodeDiskError('makeDir', path, error, notADirectory(error)));
      });
    });
    // An earlier process may have died between making directories and making them durable, at any level.
    const top = first === undefined ? undefined : resolve(first);
    for (let made = target; dirname(made) !== made; made = dirname(made)) {
      const own = top !== undefined && made.startsWith(top);
      if (!own && this.#durableDirs.has(made)) return;
      // The name of a mount point is not this file system's.
      if (!own && fs.statSync(made).dev !== fs.statSync(dirname(made)).dev) return;
      if (!(await this.#makeNameDurable(made, own))) return;
      this.#durableDirs.add(made);
    }
  }

  /** Makes a directory's name durable; false if this user may not open the parent: then another user made the name. */
  async #makeNameDurable(dir: string, own: boolean): Promise<boolean> {
    try {
      await this.syncDir(dirname(dir));
      return true;
    } catch (error) {
      if (own || !isWalshipError(error, 'DISK_DENIED')) throw error;
      return false;
    }
  }

  rename(source: string, target: string): Promise<void> {
    return perform('rename', source, (done) => fs.rename(source, target, done));
  }

  remove(path: string): Promise<void> {
    return perform('remove', path, (done) => fs.unlink(path, done));
  }

  async syncDir(path: string): Promise<void> {
    const fd = await this.#openFd(path, O_RDONLY);
    try {
      await perform('syncDir', path, (done) => fs.fsync(fd, done));
    } finally {
      await closeFd(fd, path);
      this.#reserve.refill();
    }
  }

  async lock(path: string): Promise<DiskLock> {
    const fd = await this.#openFd(path, O_RDWR | O_CREAT);
    try {
      lockFile({ fd, path, unsafeNoLock: this.#unsafeNoLock });
    } catch (error) {
      await closeFd(fd, path);
      throw error;
    }
    this.#reserve.keep();
    let held = true;
    return {
      release: async () => {
        if (!held) return;
        held = false;
        this.#reserve.end();
        await closeFd(fd, path);
      },
    };
  }

  /** Opens a file. If descriptors or memory are short, frees the reserve or waits a little, and retries. */
  async #openFd(path: string, flags: number): Promise<number> {
    for (let waitedMs = 0; ; waitedMs += OPEN_RETRY_MS) {
      const opened = await openOnce(path, flags);
      if (typeof opened === 'number') return opened;
      const passing = PASSING.has(opened.code ?? '');
      if (!passing || waitedMs >= OPEN_RETRY_MS_MAX) {
        throw nodeDiskError(
          'open',
          path,
          opened,
          opened.code === 'ENOSPC' ? whatIsMissing(path) : '',
        );
      }
      if (!this.#reserve.spend()) await sleep(OPEN_RETRY_MS);
    }
  }
}

interface Descriptors {
  readonly plain: number;
  /** Descriptor with O_DSYNC, or the plain one if O_DSYNC is not durable here; undefined for files opened for reading. */
  readonly durable: number | undefined;
  /** Called after both are closed. */
  readonly closed: () => void;
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
        else fail(nodeDiskError('size', this.#path, error));
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

  async writeDurable(source: Buffer | readonly Buffer[], position: number): Promise<void> {
    const path = this.#path;
    const fd = this.#fds.durable;
    if (fd === undefined) {
      const error = Object.assign(new Error('opened for reading only'), { code: 'EBADF' });
      throw nodeDiskError('write', path, error);
    }
    if (Buffer.isBuffer(source)) await writeWhole(fd, source, { position, path });
    else await writeAll(fd, source, { position, path });
    if (fd === this.#fds.plain) await this.sync();
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
    const { plain, durable = plain, closed } = this.#fds;
    if (durable !== plain) await closeFd(durable, this.#path);
    await closeFd(plain, this.#path);
    closed();
  }

  #readSome(target: Buffer, position: number): Promise<number> {
    return new Promise((done, fail) => {
      fs.read(this.#fds.plain, target, 0, target.length, position, (error, count) => {
        if (error === null) done(count);
        else fail(nodeDiskError('read', this.#path, error));
      });
    });
  }
}

interface WriteTarget {
  readonly position: number;
  readonly path: string;
}

/**
 * Writes all of `source` or fails. A short count means that the system failed after some bytes without reporting the error;
 * the rest is written once more, only to learn that error. The write has failed in any case, since a later part may be on the disk
 * without an earlier one.
 */
function writeWhole(fd: number, source: Buffer, { position, path }: WriteTarget): Promise<void> {
  return new Promise((done, fail) => {
    fs.write(fd, source, 0, source.length, position, (error, count) => {
      if (error !== null) {
        fail(nodeDiskError('write', path, error));
        return;
      }
      if (count === source.length) {
        done();
        return;
      }
      const rest = source.length - count;
      fs.write(fd, source, count, rest, position + count, (second) => {
        const cause = second ?? new Error(`wrote ${count} of ${source.length} bytes`);
        fail(nodeDiskError('write', path, cause));
      });
    });
  });
}

/** Does the same as `writeWhole` for several sources. */
function writeAll(
  fd: number,
  sources: readonly Buffer[],
  { position, path }: WriteTarget,
): Promise<void> {
  let bytes = 0;
  for (const source of sources) bytes += source.length;
  return new Promise((done, fail) => {
    fs.writev(fd, sources, position, (error, count) => {
      if (error !== null) fail(nodeDiskError('write', path, error));
      else if (count === bytes) done();
      else {
        const target = { position: position + count, path };
        const rest = Buffer.concat(sources).subarray(count);
        // The same message as from `writeWhole`, even if the rest can be written.
        writeWhole(fd, rest, target).then(
          () => fail(nodeDiskError('write', path, new Error(`wrote ${count} of ${bytes} bytes`))),
          fail,
        );
      }
    });
  });
}

function openOnce(path: string, flags: number): Promise<number | NodeJS.ErrnoException> {
  return new Promise((done) => {
    fs.open(path, flags, FILE_MODE, (error, fd) => done(error ?? fd));
  });
}

function notADirectory({ code }: NodeJS.ErrnoException): string {
  return code === 'EEXIST' || code === 'ENOTDIR' ? ' (a file is there, expected a directory)' : '';
}

/** Explains a file that could not be created on a full disk: names the inodes if these are used up. */
function whatIsMissing(path: string): string {
  const { ffree, files } = fs.statfsSync(dirname(path));
  return files > 0 && ffree === 0 ? ' (every inode is taken)' : '';
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
      else fail(nodeDiskError(operation, path, error));
    });
  });
}
