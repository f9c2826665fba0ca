/**
 * A disk of this machine that can fail on purpose, and lose power. For drills only.
 *
 * The disk writes to the real files, and remembers the parts that are not durable by the rules of the Disk port: the old bytes of data that was
 * written and not synced, and names that were changed and not synced. Files that lost a name meanwhile are kept by a hard
 * link in SIDE_DIR. `powerCut` puts the directory back to what a platter might hold then; SimDisk is the model of what that can be.
 *
 * In three things it knows less than the model. Changes and syncs of one file happen one after the other, in the order of the calls; what a
 * process wrote before it was killed counts as durable for the next one; and a removed file frees its space at once.
 */
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import type { Disk, DiskFile, DiskLock } from '../../../ports/disk.ts';
import type { DiskFault } from '../../../ports/break-node.ts';
import { FaultCalls } from './fault-calls.ts';
import { FaultFile } from './fault-file.ts';
import type { TrackedFile } from './fault-file.ts';
import { restoreDirectory } from './fault-power-cut.ts';
import type { SeededEntropy } from '../../../ports/seeded-entropy.ts';
import { SerialWork } from './serial-work.ts';
import { UnsyncedFile } from './unsynced-file.ts';
import { UnsyncedNames } from './unsynced-names.ts';

/** Directory inside the data directory: files that a power cut may give a name back to. Not listed. */
export const SIDE_DIR = '.drill';

export class FaultDisk implements Disk {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #side: string;
  readonly #calls: FaultCalls;
  readonly #names = new UnsyncedNames<TrackedFile>();
  /** Files that were opened or changed, by the name that they have now. */
  readonly #files = new Map<string, TrackedFile>();
  readonly #kept = new Set<TrackedFile>();
  /** Queue of changes of names. */
  readonly #work = new SerialWork();
  #sideNames = 0;

  private constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = resolve(dir);
    this.#side = join(this.#dir, SIDE_DIR);
    this.#calls = new FaultCalls(this.#dir);
  }

  /** Opens the data directory `dir`; its present contents count as durable. */
  static open(disk: Disk, dir: string): FaultDisk {
    const opened = new FaultDisk(disk, dir);
    fs.rmSync(opened.#side, { recursive: true, force: true });
    return opened;
  }

  /** Present fault of the disk. */
  get fault(): DiskFault | undefined {
    return this.#calls.fault;
  }

  set fault(fault: DiskFault | undefined) {
    this.#calls.fault = fault;
  }

  /**
   * Cuts the power: no operation completes any longer, and on resolve the directory is as a power cut might have left
   * it, by the draws of `entropy`. The process has to end then: its memory no longer matches the disk.
   */
  async powerCut(entropy: SeededEntropy): Promise<void> {
    await this.#calls.end();
    restoreDirectory({
      names: this.#names,
      files: this.#files,
      keep: (path, file) => this.#link(path, file),
      entropy,
    });
    fs.rmSync(this.#side, { recursive: true, force: true });
  }

  open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    const at = resolve(path);
    return this.#work.run(async () => {
      if (mode !== 'read') this.#calls.failIfReadOnly({ operation: 'open', path });
      if (mode === 'create' && !fs.existsSync(at)) return await this.#create(at, path);
      const file = await this.#calls.call(() =>
        this.#disk.open(path, mode === 'read' ? 'read' : 'write'),
      );
      const tracked = this.#track(at);
      tracked.content ??= new UnsyncedFile(await this.#calls.call(() => file.size()));
      const { content, work } = tracked;
      const opened = new FaultFile({ calls: this.#calls, path, file, content, work });
      if (mode === 'create') await opened.truncate(0);
      return opened;
    });
  }

  async list(path: string): Promise<readonly string[]> {
    const names = await this.#calls.call(() => this.#disk.list(path));
    return resolve(path) === this.#dir ? names.filter((name) => name !== SIDE_DIR) : names;
  }

  async makeDir(path: string): Promise<void> {
    if (!fs.existsSync(path)) {
      const operation = { operation: 'makeDir', path };
      this.#calls.failIfReadOnly(operation);
      this.#calls.takeInode(operation);
    }
    await this.#calls.call(() => this.#disk.makeDir(path));
  }

  rename(source: string, target: string): Promise<void> {
    const [from, to] = [resolve(source), resolve(target)];
    return this.#work.run(async () => {
      this.#calls.failIfReadOnly({ operation: 'rename', path: source });
      const replaced = from === to ? undefined : await this.#keep(to);
      await this.#calls.call(async () => {
        const replacedBytes = replaced === undefined ? undefined : bytesOf(to);
        await this.#disk.rename(source, target);
        if (from === to) return;
        if (replacedBytes !== undefined) this.#calls.room.giveFile(replacedBytes);
        const file = this.#track(from);
        this.#names.rename(from, to, { file, replaced });
        this.#files.delete(from);
        this.#files.set(to, file);
      });
    });
  }

  remove(path: string): Promise<void> {
    const at = resolve(path);
    return this.#work.run(async () => {
      this.#calls.failIfReadOnly({ operation: 'remove', path });
      const file = await this.#keep(at);
      await this.#calls.call(async () => {
        const bytes = file === undefined ? 0 : bytesOf(at);
        await this.#disk.remove(path);
        this.#calls.room.giveFile(bytes);
        if (file !== undefined) this.#names.unlink(at, file);
        this.#files.delete(at);
      });
    });
  }

  async syncDir(path: string): Promise<void> {
    const at = resolve(path);
    const operation = { operation: 'syncDir', path };
    const changes = this.#names.beginSync(at);
    await this.#calls.slow(path);
    this.#calls.failIfReadOnly(operation);
    const error = this.#calls.fsyncError(operation);
    if (error !== undefined) {
      this.#names.failSync(changes);
      throw error;
    }
    await this.#calls.call(() => this.#disk.syncDir(path));
    this.#names.finishSync(changes, at);
    await this.#work.run(async () => await this.#release());
  }

  lock(path: string): Promise<DiskLock> {
    return this.#calls.call(() => this.#disk.lock(path));
  }

  async #create(at: string, path: string): Promise<DiskFile> {
    this.#calls.takeInode({ operation: 'open', path });
    return await this.#calls.call(async () => {
      const file = await this.#disk.open(path, 'create');
      const tracked = this.#track(at);
      this.#names.link(at, tracked);
      const content = new UnsyncedFile(0);
      tracked.content = content;
      return new FaultFile({ calls: this.#calls, path, file, content, work: tracked.work });
    });
  }

  #track(at: string): TrackedFile {
    let file = this.#files.get(at);
    if (file === undefined) {
      file = { content: undefined, work: new SerialWork(), side: undefined };
      this.#files.set(at, file);
    }
    return file;
  }

  /** The file that is about to lose the name `at`, with a link in the side directory; undefined where there is none. */
  async #keep(at: string): Promise<TrackedFile | undefined> {
    if (!fs.existsSync(at)) return undefined;
    const file = this.#track(at);
    await this.#calls.call(async () => {
      this.#link(at, file);
      await Promise.resolve();
    });
    return file;
  }

  #link(at: string, file: TrackedFile): void {
    if (file.side !== undefined) return;
    this.#sideNames += 1;
    const side = join(this.#side, String(this.#sideNames));
    fs.mkdirSync(this.#side, { recursive: true });
    fs.linkSync(at, side);
    file.side = side;
    this.#kept.add(file);
  }

  /** Removes the links of files that no power cut can give a name to any longer. */
  async #release(): Promise<void> {
    const needed = this.#names.files();
    await this.#calls.call(async () => {
      for (const file of this.#kept) {
        if (needed.has(file) || file.side === undefined) continue;
        fs.rmSync(file.side, { force: true });
        file.side = undefined;
        this.#kept.delete(file);
      }
      await Promise.resolve();
    });
  }
}

function bytesOf(path: string): number {
  return fs.statSync(path).size;
}
