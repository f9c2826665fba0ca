import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WalshipError } from '../../../errors.ts';
import { isOfPart, NO_DISK_FAULTS } from './disk-faults.ts';
import type { DiskFaults } from './disk-faults.ts';
import { FaultRoom } from './fault-room.ts';
import { diskError } from '../../../ports/disk-errors.ts';

const ERRNOS = {
  full: 'ENOSPC',
  noInodes: 'ENOSPC',
  readOnly: 'EROFS',
  fsyncError: 'EIO',
} as const;

/** Which operation on which file. */
interface Operation {
  readonly operation: string;
  readonly path: string;
}

/** Every system call of a FaultDisk and its files: what is wrong with them now, and that none completes once the power is cut. */
export class FaultCalls {
  readonly room = new FaultRoom();
  readonly #dir: string;
  #faults: DiskFaults = NO_DISK_FAULTS;
  #inFlight = 0;
  #onIdle: () => void = () => {};
  #isDead = false;

  /** Of the data directory `dir`, an absolute path. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** The faults that are set now. */
  get faults(): DiskFaults {
    return this.#faults;
  }

  set faults(faults: DiskFaults) {
    const { full = false, noInodes = false } = faults;
    this.#faults = faults;
    this.room.set({ full, noInodes });
  }

  /** Does `work`, which is one system call and what has to be noted with it. Never settles once the power is cut. */
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
    if (this.#faults.readOnly === true) throw failure('readOnly', operation);
  }

  /** Takes room for a file that grows. @throws WalshipError DISK_FULL where there is not enough. */
  takeBytes(growth: number, operation: Operation): void {
    if (!this.room.takeBytes(growth)) throw failure('full', operation);
  }

  /** Takes room for a new file or directory. @throws WalshipError DISK_FULL where there is none. */
  takeInode(operation: Operation): void {
    if (!this.room.takeInode()) throw failure('noInodes', operation);
  }

  /** As long as a durable write or a sync takes more now. */
  async slow(path: string): Promise<void> {
    if (this.isSlow(path)) await sleep(this.#faults.slowMs);
  }

  /** Whether durable writes and syncs of this file take longer now. */
  isSlow(path: string): boolean {
    return this.#faults.slowMs !== undefined && this.#concerns(path);
  }

  /** The failure of this sync, where the next one shall fail: once. */
  fsyncError(operation: Operation): WalshipError | undefined {
    const { fsyncError, ...rest } = this.#faults;
    if (fsyncError !== true || !this.#concerns(operation.path)) return undefined;
    this.#faults = rest;
    return failure('fsyncError', operation);
  }

  #concerns(path: string): boolean {
    return isOfPart(this.#dir, resolve(path), this.#faults.part);
  }
}

function failure(what: keyof typeof ERRNOS, { operation, path }: Operation): WalshipError {
  const code = ERRNOS[what];
  const cause = Object.assign(new Error(`${code}: ${operation} '${path}', as the drill wants`), {
    code,
  });
  return diskError(operation, path, cause, what === 'noInodes' ? ' (every inode is taken)' : '');
}

async function never(): Promise<never> {
  return await new Promise(() => {});
}
