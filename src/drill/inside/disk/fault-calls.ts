import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WalshipError } from '../../../errors.ts';
import type { DiskFault, DiskPart } from '../../../ports/break-node.ts';
import { diskError } from '../../../ports/disk-errors.ts';
import { isOfPart } from './disk-part.ts';
import { FaultRoom } from './fault-room.ts';

const ERRNOS = {
  'disk-full': 'ENOSPC',
  'no-inodes': 'ENOSPC',
  'disk-read-only': 'EROFS',
  'fsync-error': 'EIO',
} as const satisfies Partial<Record<DiskFault['kind'], string>>;

/** An operation on a file. */
interface Operation {
  readonly operation: string;
  readonly path: string;
}

/**
 * System calls of a FaultDisk and its files: applies the present fault to each, and completes none once the power is
 * cut.
 */
export class FaultCalls {
  readonly room = new FaultRoom();
  readonly #dir: string;
  #fault: DiskFault | undefined;
  #inFlight = 0;
  #onIdle: () => void = () => {};
  #isDead = false;

  /** Creates it for the data directory `dir`, an absolute path. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** The fault that is set now; undefined: the disk is well. */
  get fault(): DiskFault | undefined {
    return this.#fault;
  }

  set fault(fault: DiskFault | undefined) {
    this.#fault = fault;
    this.room.set({ full: fault?.kind === 'disk-full', noInodes: fault?.kind === 'no-inodes' });
  }

  /** Performs `work`, which is one system call with its bookkeeping. Never settles once the power is cut. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isDead) return await never();
    this.#inFlight += 1;
    const [outcome] = await Promise.allSettled([work()]);
    this.#inFlight -= 1;
    if (this.#isDead) {
      if (this.#inFlight === 0) this.#onIdle();
      return await never();
    }
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  /** Lets no call complete from now on; resolves when none is in flight. */
  async end(): Promise<void> {
    this.#isDead = true;
    if (this.#inFlight > 0) await new Promise<void>((done) => (this.#onIdle = done));
  }

  /** @throws WalshipError DISK_READ_ONLY where that is wrong now. */
  failIfReadOnly(operation: Operation): void {
    if (this.#fault?.kind === 'disk-read-only') throw failure('disk-read-only', operation);
  }

  /** Takes room for a file that grows. @throws WalshipError DISK_FULL where there is not enough. */
  takeBytes(growth: number, operation: Operation): void {
    if (!this.room.takeBytes(growth)) throw failure('disk-full', operation);
  }

  /** Takes room for a new file or directory. @throws WalshipError DISK_FULL where there is none. */
  takeInode(operation: Operation): void {
    if (!this.room.takeInode()) throw failure('no-inodes', operation);
  }

  /** Waits as long as a durable write or a sync takes longer now. */
  async slow(path: string): Promise<void> {
    const delayMs = this.#slowMs(path);
    if (delayMs !== undefined) await sleep(delayMs);
  }

  /** Returns true if durable writes and syncs of this file take longer now. */
  isSlow(path: string): boolean {
    return this.#slowMs(path) !== undefined;
  }

  #slowMs(path: string): number | undefined {
    const fault = this.#fault;
    return fault?.kind === 'disk-slow' && this.#isOf(fault.part, path) ? fault.ms : undefined;
  }

  /** The failure of this sync, where the next one shall fail: once. */
  fsyncError(operation: Operation): WalshipError | undefined {
    const fault = this.#fault;
    if (fault?.kind !== 'fsync-error' || !this.#isOf(fault.part, operation.path)) return undefined;
    this.#fault = undefined;
    return failure('fsync-error', operation);
  }

  #isOf(part: DiskPart, path: string): boolean {
    return isOfPart(this.#dir, resolve(path), part);
  }
}

function failure(what: keyof typeof ERRNOS, { operation, path }: Operation): WalshipError {
  const code = ERRNOS[what];
  const cause = Object.assign(new Error(`${code}: ${operation} '${path}', as the drill wants`), {
    code,
  });
  return diskError(operation, path, cause, what === 'no-inodes' ? ' (every inode is taken)' : '');
}

async function never(): Promise<never> {
  return await new Promise(() => {});
}
