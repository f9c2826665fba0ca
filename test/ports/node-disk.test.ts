/** What the machine's disk adds to the contract of the port: short writes, full disks, the kernel's lock. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isUnwritable } from '../../src/ports/disk-errors.ts';
import { nodeDiskError } from '../../src/ports/node-disk-error.ts';
import { NodeDisk } from '../../src/ports/node-disk.ts';

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'walship-disk-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

/** Files of this process may not grow beyond `bytes` from now on. */
function limitFiles(bytes: number | 'unlimited'): void {
  const { status } = spawnSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:`]);
  expect(status, 'prlimit of util-linux').toBe(0);
}

describe('a short write', () => {
  test.for(['write', 'writeDurable'] as const)(
    'of %s fails with the error that the system kept to itself',
    async (method) => {
      const file = await new NodeDisk().open(join(dir, 'short'), 'create');
      limitFiles(4096);
      try {
        await expect(file[method](Buffer.alloc(6000, 1), 0)).rejects.toMatchObject({
          code: 'DISK_FAILED',
          details: { operation: 'write', errno: 'EFBIG', path: join(dir, 'short') },
        });
      } finally {
        limitFiles('unlimited');
      }
      expect((await stat(join(dir, 'short'))).size, 'a part of it was written').toBe(4096);
      await file.close();
    },
  );
});

describe('errors', () => {
  test('a full disk is DISK_FULL', async () => {
    const file = await new NodeDisk().open('/dev/full', 'write');
    await expect(file.write(Buffer.alloc(10), 0)).rejects.toMatchObject({
      code: 'DISK_FULL',
      details: { operation: 'write', errno: 'ENOSPC' },
    });
    await file.close();
  });

  test('anything else is DISK_FAILED, with the path, the operation and the cause', async () => {
    const path = join(dir, 'absent');
    await expect(new NodeDisk().open(path, 'write')).rejects.toMatchObject({
      code: 'DISK_FAILED',
      details: { operation: 'open', errno: 'ENOENT', path },
      cause: { code: 'ENOENT' },
    });
  });

  test('a file where a directory has to be is named as such', async () => {
    const path = join(dir, 'file');
    await (await new NodeDisk().open(path, 'create')).close();
    for (const wanted of [path, join(path, 'below')]) {
      await expect(new NodeDisk().makeDir(wanted)).rejects.toMatchObject({
        code: 'PATH_UNUSABLE',
        message: expect.stringContaining('a file is there, expected a directory') as string,
      });
    }
  });

  test.for([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_QUOTA'],
    ['EROFS', 'DISK_READ_ONLY'],
    ['EACCES', 'DISK_DENIED'],
    ['EPERM', 'DISK_DENIED'],
    ['EMFILE', 'NO_DESCRIPTORS'],
    ['ENFILE', 'NO_DESCRIPTORS'],
    ['EIO', 'DISK_FAILED'],
    ['ENOMEM', 'DISK_FAILED'],
    ['EISDIR', 'PATH_UNUSABLE'],
  ] as const)('%s is %s', ([errno, code]) => {
    // Node has no name for some, so it is asked what it calls them.
    const number = -constants.errno[errno];
    const name = getSystemErrorName(number);
    const cause = Object.assign(new Error(`${name}: ${name}, open`), { code: name, errno: number });
    const error = nodeDiskError('open', '/d/f', cause);
    expect(error.message).toContain(errno);
    expect(error).toMatchObject({ code, details: { errno, operation: 'open', path: '/d/f' } });
    expect(isUnwritable(error)).toBe(code !== 'DISK_FAILED' && code !== 'PATH_UNUSABLE');
  });

  test('a file opened for reading cannot be written durably', async () => {
    const disk = new NodeDisk();
    await (await disk.open(join(dir, 'file'), 'create')).close();
    const file = await disk.open(join(dir, 'file'), 'read');
    await expect(file.writeDurable(Buffer.alloc(1), 0)).rejects.toMatchObject({
      code: 'DISK_FAILED',
    });
    await file.close();
    await file.close();
  });
});

describe('descriptors', () => {
  /** Opens files until there are no more descriptors, and returns what gives them back. */
  function takeAll(): () => void {
    const limits = ['--nofile', '--output=SOFT', '--noheadings', `--pid=${process.pid}`];
    const before = spawnSync('prlimit', limits, { encoding: 'utf8' }).stdout.trim();
    const soft = readdirSync('/proc/self/fd').length + 40;
    const { status } = spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${soft}:`]);
    expect(status, 'prlimit of util-linux').toBe(0);
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch (error) {
      expect(error).toMatchObject({ code: 'EMFILE' });
    }
    return () => {
      for (const fd of taken) closeSync(fd);
      spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${before}:`]);
    };
  }

  test('a few are kept for the log where sockets have taken all others', async () => {
    const disk = new NodeDisk();
    const lock = await disk.lock(join(dir, 'LOCK'));
    const giveBack = takeAll();
    try {
      for (let round = 0; round < 3; round += 1) {
        const file = await disk.open(join(dir, 'meta.json.tmp'), 'create');
        await file.writeDurable(Buffer.from('x'), 0);
        await file.close();
        await disk.syncDir(dir);
      }
    } finally {
      giveBack();
    }
    await lock.release();
  });

  test('one that is not to be had at once is waited for', async () => {
    const giveBack = takeAll();

    const opening = new NodeDisk().open(join(dir, 'file'), 'create');
    const opened = await Promise.race([opening.then(() => true), settled().then(() => false)]);
    giveBack();

    expect(opened).toBe(false);
    await (await opening).close();
  });

  test('one that is not to be had for long is no failed disk', async () => {
    const giveBack = takeAll();
    const opening = new NodeDisk().open(join(dir, 'file'), 'create');
    const failure = await opening.catch((error: unknown) => error).finally(giveBack);

    expect(failure).toMatchObject({
      code: 'NO_DESCRIPTORS',
      details: { operation: 'open', errno: 'EMFILE' },
    });
    expect(isUnwritable(failure)).toBe(true);
  });
});

describe('the lock', () => {
  test('is refused while another process holds it, names the holder, and is freed by kill -9', async () => {
    const path = join(dir, 'LOCK');
    const holder = spawn('flock', ['-n', '-F', path, 'sleep', '60'], { stdio: 'ignore' });
    await once(holder, 'spawn');
    const disk = new NodeDisk();
    const refusal = async (): Promise<unknown> => {
      const lock = await disk.lock(path).catch((error: unknown) => error);
      if (lock instanceof Error) return lock;
      await (lock as { release: () => Promise<void> }).release();
      return undefined;
    };
    await vi.waitFor(async () => expect(await refusal()).toBeDefined(), 10_000);
    expect(await refusal()).toMatchObject({ code: 'DATA_DIR_LOCKED' });

    holder.kill('SIGKILL');
    await once(holder, 'exit');

    expect(await refusal()).toBeUndefined();
  });

  test('says in its file who holds it, and is free again after a release', async () => {
    const path = join(dir, 'LOCK');
    const disk = new NodeDisk();
    const lock = await disk.lock(path);

    expect(await readFile(path, 'utf8')).toContain(`pid ${process.pid} on `);
    await expect(disk.lock(path)).rejects.toMatchObject({
      code: 'DATA_DIR_LOCKED',
      message: expect.stringContaining(`pid ${process.pid}`) as string,
    });
    await lock.release();
    await lock.release();
    await (await disk.lock(path)).release();
  });

  test('is not passed on to child processes', async () => {
    const path = join(dir, 'LOCK');
    const disk = new NodeDisk();
    const lock = await disk.lock(path);
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(child, 'spawn');
    await lock.release();

    await (await disk.lock(path)).release();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  test('cannot be had without flock, unless the risk is accepted', async () => {
    vi.stubEnv('PATH', dir);
    const path = join(dir, 'LOCK');

    await expect(new NodeDisk().lock(path)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    const lock = await new NodeDisk({ unsafeNoLock: true }).lock(path);
    await lock.release();
  });
});
