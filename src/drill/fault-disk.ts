/**
 * A real disk that breaks on demand, for drills: full, slow, read-only, with a sync that fails, or without power.
 *
 * A power cut leaves what a disk may hold after a real one: what was synced is there; of everything else each 512-byte block, each size and each name is old or
 * new, independently (see SimDisk, whose fault model this is on real files). A write in flight counts as not synced. Nothing completes any more then,
 * and the process has to die. What an earlier process wrote and did not sync counts as durable: it is in the page cache, and nobody remembers it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WalshipError } from '../errors.ts';
import type { DrilledPart } from '../ports/break-node.ts';
import type { Disk, DiskFile, DiskLock } from '../ports/disk.ts';
import { UnsyncedFile } from './unsynced-file.ts';
import type { Chance } from './unsynced-file.ts';
import { UnsyncedNames } from './unsynced-names.ts';

const PARTS: Readonly<Record<DrilledPart, RegExp>> = {
  wal: /\/wal\//,
  meta: /\/meta\.json/,
  snapshots: /\/snapshots\//,
  all: /^/,
};

/** What is wrong with it. */
export interface DiskCondition {
  /** Nothing can be written for want of room. */
  readonly full?: boolean;
  readonly readOnly?: boolean;
  /** Each sync and durable write takes so much longer. */
  readonly slow?: { readonly ms: number; readonly part: DrilledPart };
  /** The next sync or durable write fails, once; what it covered reads back and is not durable. */
  readonly syncFails?: DrilledPart;
}

type Kind = 'write' | 'sync' | 'name';

export class FaultDisk implements Disk {
  readonly #disk: Disk;
  readonly #names: UnsyncedNames;
  /** Of every file that is written, by its path; kept over a close, which syncs nothing. */
  readonly #files = new Map<string, UnsyncedFile>();
  #condition: DiskCondition = {};
  #inFlight = 0;
  #powerless = false;
  #onIdle: () => void = () => {};

  /** @param sideDir where files are kept that have lost their names and may get them back. */
  constructor(disk: Disk, sideDir: string) {
    this.#disk = disk;
    this.#names = new UnsyncedNames(sideDir);
  }

  /** What is wrong from now on; nothing of before. */
  set condition(condition: DiskCondition) {
    this.#condition = condition;
  }

  /** Nothing completes from now on; resolves when the files are what a disk without power would hold. The process has to be ended then. */
  async cutPower(chance: Chance): Promise<void> {
    this.#powerless = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    for (const file of this.#files.values()) file.cut(chance);
    this.#names.cut(chance);
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    if (mode === 'read') return await this.#run(() => this.#disk.open(path, mode));
    return await this.#run(async () => {
      if (mode === 'create') this.#check('name', path);
      const found = mode === 'create' ? await this.#sizeOf(path) : undefined;
      const file = await this.#disk.open(path, mode);
      if (mode === 'create' && found === undefined) this.#names.created(path);
      const known = mode === 'create' ? undefined : this.#files.get(path);
      const unsynced = known ?? new UnsyncedFile(path, await file.size());
      this.#files.set(path, unsynced);
      return this.#faulty(file, unsynced);
    });
  }

  async list(path: string): Promise<readonly string[]> {
    return await this.#run(() => this.#disk.list(path));
  }

  async makeDir(path: string): Promise<void> {
    await this.#run(() => this.#disk.makeDir(path));
  }

  async rename(source: string, target: string): Promise<void> {
    await this.#run(async () => {
      this.#check('name', source);
      const renamed = this.#names.willRename(source, target);
      await this.#disk.rename(source, target);
      renamed();
      const file = this.#files.get(source);
      this.#files.delete(source);
      this.#files.delete(target);
      if (file === undefined) return;
      file.path = target;
      this.#files.set(target, file);
    });
  }

  async remove(path: string): Promise<void> {
    await this.#run(async () => {
      this.#check('name', path);
      const removed = this.#names.willRemove(path);
      await this.#disk.remove(path);
      removed();
      this.#files.delete(path);
    });
  }

  async syncDir(path: string): Promise<void> {
    await this.#run(async () => {
      await this.#syncs(path);
      const synced = this.#names.beginSync(path);
      await this.#disk.syncDir(path);
      if (!this.#powerless) synced();
    });
  }

  async lock(path: string): Promise<DiskLock> {
    return await this.#run(() => this.#disk.lock(path));
  }

  #faulty(file: DiskFile, unsynced: UnsyncedFile): DiskFile {
    return {
      size: () => this.#run(() => file.size()),
      read: (target, position) => this.#run(() => file.read(target, position)),
      write: (source, position) =>
        this.#run(async () => {
          this.#check('write', unsynced.path);
          await unsynced.willWrite(file, position, source.length);
          await file.write(source, position);
        }),
      writeDurable: (source, position) =>
        this.#run(async () => {
          this.#check('write', unsynced.path);
          await unsynced.willWrite(file, position, source.length);
          await this.#syncs(unsynced.path, async () => {
            await file.write(source, position);
            unsynced.beginSync()(false);
          });
          await file.writeDurable(source, position);
          if (!this.#powerless) unsynced.wroteDurably(position, source.length);
        }),
      sync: () =>
        this.#run(async () => {
          const synced = unsynced.beginSync();
          await this.#syncs(unsynced.path, () => Promise.resolve(synced(false)));
          await file.sync();
          synced(!this.#powerless);
        }),
      truncate: (bytes) =>
        this.#run(async () => {
          this.#check('write', unsynced.path);
          await unsynced.willTruncate(file, bytes);
          await file.truncate(bytes);
        }),
      close: () => this.#run(() => file.close()),
    };
  }

  /** Waits as long as a slow disk does. @throws WalshipError DISK_FAILED where this sync is the one that fails; `fails` is called before. */
  async #syncs(path: string, fails: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { slow, syncFails } = this.#condition;
    if (slow !== undefined && PARTS[slow.part].test(path)) await this.#wait(slow.ms);
    if (syncFails === undefined || !PARTS[syncFails].test(path)) {
      this.#check('sync', path);
      return;
    }
    const { syncFails: _, ...rest } = this.#condition;
    this.#condition = rest;
    await fails();
    throw broken('sync', path, 'EIO');
  }

  #check(kind: Kind, path: string): void {
    const { full = false, readOnly = false } = this.#condition;
    if (readOnly && kind !== 'sync') throw broken(kind, path, 'EROFS');
    // A removal or a rename needs no room, and overwriting what was filled ahead neither.
    if (full && kind === 'write' && !this.#isFilled(path)) throw broken(kind, path, 'ENOSPC');
  }

  /** A segment under its own name was filled when there was room. */
  #isFilled(path: string): boolean {
    return path.endsWith('.wal');
  }

  async #sizeOf(path: string): Promise<number | undefined> {
    const names = await this.#disk.list(path.slice(0, path.lastIndexOf('/')));
    return names.includes(path.slice(path.lastIndexOf('/') + 1)) ? 1 : undefined;
  }

  /** What has not begun yet is not in flight, and never begins without power. */
  async #wait(ms: number): Promise<void> {
    this.#leave();
    await sleep(ms);
    if (this.#powerless) await NEVER;
    this.#inFlight += 1;
  }

  #leave(): void {
    this.#inFlight -= 1;
    if (this.#powerless && this.#inFlight === 0) this.#onIdle();
  }

  /** Lets nothing complete once the power is gone. */
  async #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#powerless) return await NEVER;
    this.#inFlight += 1;
    const [outcome] = await Promise.allSettled([operation()]);
    this.#leave();
    if (this.#powerless) return await NEVER;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }
}

const NEVER = new Promise<never>(() => {});

function broken(operation: string, path: string, errno: 'EIO' | 'ENOSPC' | 'EROFS'): WalshipError {
  const cause = Object.assign(new Error(`${errno}: ${operation} '${path}'`), { code: errno });
  return new WalshipError(
    errno === 'ENOSPC' ? 'DISK_FULL' : 'DISK_FAILED',
    `${operation} of ${path}: ${errno}, as the drill wants it`,
    { details: { path, operation, errno }, cause },
  );
}
