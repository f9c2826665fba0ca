import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { WalshipError } from '../errors.ts';

/** flock(1) answers in milliseconds; a file system where it hangs has no usable locks. */
const FLOCK_TIMEOUT_MS = 10_000;
const HOLDER_BYTES_MAX = 1024;

export interface LockRequest {
  /** Descriptor, open for reading and writing; holds the lock until it is closed or the process dies. */
  readonly fd: number;
  readonly path: string;
  readonly unsafeNoLock: boolean;
}

/**
 * Takes the kernel's lock on an open file. Node.js has no flock(2), but the lock belongs to the open file and not to the
 * process: flock(1) takes it on an inherited descriptor and exits, and this process keeps it. The kernel frees the lock
 * on `kill -9`, and it works across containers that share a volume; a pid file does neither.
 * @throws WalshipError DATA_DIR_LOCKED, LOCK_UNAVAILABLE.
 */
export function lockFile({ fd, path, unsafeNoLock }: LockRequest): void {
  const { status, error } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
    timeout: FLOCK_TIMEOUT_MS,
    // flock prints nothing here, so it need not load locale files.
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (status === 1) {
    const holder = readHolder(fd);
    throw new WalshipError(
      'DATA_DIR_LOCKED',
      `${path} is locked by ${holder ?? 'another process'}`,
      {
        details: { path, holder: holder ?? null },
      },
    );
  }
  if (status !== 0 && !unsafeNoLock) {
    const why = error?.message ?? `flock ended with status ${status}`;
    throw new WalshipError('LOCK_UNAVAILABLE', `${path} cannot be locked: ${why}`, {
      details: { path },
      cause: error,
    });
  }
  writeHolder(fd);
}

/** Writes the holder's name for display; the lock itself is the kernel's. A failure (such as a full disk) does not prevent the start. */
function writeHolder(fd: number): void {
  const text = `pid ${process.pid} on ${hostname()} since ${new Date().toISOString()}\n`;
  try {
    // Written before truncation: a block that the file already has needs no free space.
    fs.writeSync(fd, text, 0);
    fs.ftruncateSync(fd, Buffer.byteLength(text));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

function readHolder(fd: number): string | undefined {
  const bytes = Buffer.alloc(HOLDER_BYTES_MAX);
  const count = fs.readSync(fd, bytes, 0, bytes.length, 0);
  const text = bytes.toString('utf8', 0, count).trim();
  return text === '' ? undefined : text;
}
