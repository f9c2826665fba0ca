import { dirname } from 'node:path/posix';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimFile } from './sim-file.ts';

/** A change of a directory that is not durable yet. */
interface NameChange {
  readonly kind: 'link' | 'unlink' | 'rename';
  /** Name that appears (link, rename) or goes (unlink). */
  readonly path: string;
  /** Old name in a rename. */
  readonly source: string;
  readonly file: SimFile;
  /**
   * True for a rename between directories of which only the target's was synced: the old name may come back beside
   * the new one.
   */
  targetDurable: boolean;
  /** True if a sync of its directory failed: it counts as clean and is never synced again. */
  ghost: boolean;
}

/** Names of files, in the kernel and on the disk. */
export class SimNames {
  #cache = new Map<string, SimFile>();
  readonly #disk = new Map<string, SimFile>();
  #changes: NameChange[] = [];

  get(path: string): SimFile | undefined {
    return this.#cache.get(path);
  }

  /** Returns the file that has this name on the platter. */
  durable(path: string): SimFile | undefined {
    return this.#disk.get(path);
  }

  /** All paths on the platter, sorted. */
  durablePaths(): string[] {
    return [...this.#disk.keys()].toSorted();
  }

  /** Returns all paths, sorted. */
  paths(): string[] {
    return [...this.#cache.keys()].toSorted();
  }

  /** Every file that has a name, in the cache or on disk, once each. */
  files(): Set<SimFile> {
    return new Set([...this.#cache.values(), ...this.#disk.values()]);
  }

  /** Every file that has a name in the cache, once each. */
  current(): Set<SimFile> {
    return new Set(this.#cache.values());
  }

  /** Makes every change so far durable, except those whose sync failed. */
  commit(): void {
    for (const change of this.#changes) if (!change.ghost) this.#settle(change);
  }

  link(path: string, file: SimFile): void {
    this.#cache.set(path, file);
    this.#note('link', path, file);
  }

  unlink(path: string): void {
    const file = this.#cache.get(path);
    if (file === undefined) return;
    this.#cache.delete(path);
    this.#note('unlink', path, file);
  }

  rename(source: string, target: string): void {
    const file = this.#cache.get(source);
    if (file === undefined || source === target) return;
    this.#cache.delete(source);
    this.#cache.set(target, file);
    this.#note('rename', target, file, source);
  }

  /** Returns the changes that a sync of `directory` beginning now will make durable. */
  beginSync(directory: string): readonly NameChange[] {
    return this.#changes.filter((change) => !change.ghost && touches(change, directory));
  }

  finishSync(changes: readonly NameChange[], directory: string): void {
    for (const change of changes) {
      if (!this.#changes.includes(change)) continue;
      if (change.kind === 'rename' && dirname(change.source) !== directory) {
        this.#disk.set(change.path, change.file);
        change.targetDurable = true;
        continue;
      }
      this.#settle(change);
    }
  }

  failSync(changes: readonly NameChange[]): void {
    for (const change of changes) change.ghost = true;
  }

  /** Keeps or drops each change that was not synced, independently; a rename happens as one or not at all. */
  losePower(entropy: SeededEntropy): void {
    const keep = entropy.pick([0, 1, 0.5, entropy.fraction()]);
    for (const change of this.#changes) {
      if (entropy.chance(keep)) this.#apply(change);
    }
    this.#changes = [];
    this.#cache = new Map(this.#disk);
  }

  /** Adds or takes away a name on disk and in the cache. */
  set(path: string, file: SimFile | undefined): void {
    for (const names of [this.#cache, this.#disk]) {
      if (file === undefined) names.delete(path);
      else names.set(path, file);
    }
    this.#changes = this.#changes.filter(
      (change) => change.path !== path && change.source !== path,
    );
  }

  /** Makes a change durable. */
  #settle(change: NameChange): void {
    this.#apply(change);
    const index = this.#changes.indexOf(change);
    // Earlier changes of these names do not matter any longer, durable or not.
    this.#changes = this.#changes.filter(
      (other, at) => at > index || (other.path !== change.path && other.path !== change.source),
    );
  }

  #apply(change: NameChange): void {
    if (change.kind === 'unlink') {
      this.#disk.delete(change.path);
      return;
    }
    if (!change.targetDurable) this.#disk.set(change.path, change.file);
    // The old name goes, unless it names another file by now.
    if (this.#disk.get(change.source) === change.file) this.#disk.delete(change.source);
  }

  #note(kind: NameChange['kind'], path: string, file: SimFile, source = ''): void {
    this.#changes.push({ kind, path, source, file, targetDurable: false, ghost: false });
  }
}

function touches(change: NameChange, directory: string): boolean {
  if (change.kind === 'rename' && dirname(change.source) === directory) return true;
  return dirname(change.path) === directory && !change.targetDurable;
}
