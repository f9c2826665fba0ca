import { dirname } from 'node:path';
import type { SeededEntropy } from '../../../ports/seeded-entropy.ts';

/** A change of a directory that is not durable yet. */
interface NameChange<F> {
  readonly kind: 'link' | 'unlink' | 'rename';
  /** Name that appears (link, rename) or goes (unlink). */
  readonly path: string;
  /** Old name in a rename. */
  readonly source: string;
  readonly file: F;
  /** True if a sync of its directory failed: it counts as clean and is never synced again. */
  ghost: boolean;
}

/** Names that are not durable, and the possible results of a power cut. `F` stands for a file, whatever its name. */
export class UnsyncedNames<F> {
  /** Files on the platter for each name with a pending change. All other names are durable as they are. */
  readonly #durable = new Map<string, F | undefined>();
  /** The same names as the process sees them. */
  readonly #seen = new Map<string, F | undefined>();
  #changes: NameChange<F>[] = [];

  /** Notes a created file. */
  link(path: string, file: F): void {
    this.#note({ kind: 'link', path, source: '', file }, undefined);
    this.#seen.set(path, file);
  }

  /** Notes a removed file. */
  unlink(path: string, file: F): void {
    this.#note({ kind: 'unlink', path, source: '', file }, file);
    this.#seen.set(path, undefined);
  }

  /** Notes a renamed file; `replaced` had the name before. */
  rename(
    source: string,
    path: string,
    { file, replaced }: { readonly file: F; readonly replaced: F | undefined },
  ): void {
    if (!this.#durable.has(source)) this.#durable.set(source, file);
    this.#note({ kind: 'rename', path, source, file }, replaced);
    this.#seen.set(source, undefined);
    this.#seen.set(path, file);
  }

  /** Returns the changes that a sync of `directory` beginning now will make durable. */
  beginSync(directory: string): readonly NameChange<F>[] {
    return this.#changes.filter((change) => !change.ghost && touches(change, directory));
  }

  finishSync(changes: readonly NameChange<F>[], directory: string): void {
    for (const change of changes) {
      const index = this.#changes.indexOf(change);
      if (index < 0) continue;
      if (change.kind === 'rename' && dirname(change.source) !== directory) {
        this.#durable.set(change.path, change.file);
        // The old name may come back beside the new one.
        this.#changes[index] = sourceGone(change);
        continue;
      }
      this.#apply(change);
      this.#changes = this.#changes.flatMap((other, at) =>
        at > index ? [other] : leftOf(other, change),
      );
    }
    this.#forget();
  }

  failSync(changes: readonly NameChange<F>[]): void {
    for (const change of changes) change.ghost = true;
  }

  /** Files that a power cut may give a name to. */
  files(): Set<F> {
    const files = new Set(this.#changes.map(({ file }) => file));
    for (const file of this.#durable.values()) if (file !== undefined) files.add(file);
    return files;
  }

  /**
   * Returns a state of the platter for each uncertain name. Each change is kept or lost independently; a rename
   * happens as one or not at all.
   */
  afterPowerCut(entropy: SeededEntropy): ReadonlyMap<string, F | undefined> {
    const keep = entropy.pick([0, 1, 0.5, entropy.fraction()]);
    for (const change of this.#changes) {
      if (entropy.chance(keep)) this.#apply(change);
    }
    this.#changes = [];
    return this.#durable;
  }

  #note(
    change: Pick<NameChange<F>, 'kind' | 'path' | 'source' | 'file'>,
    before: F | undefined,
  ): void {
    if (!this.#durable.has(change.path)) this.#durable.set(change.path, before);
    this.#changes.push({ ...change, ghost: false });
  }

  #apply(change: NameChange<F>): void {
    if (change.kind === 'unlink') {
      this.#durable.set(change.path, undefined);
      return;
    }
    this.#durable.set(change.path, change.file);
    // The old name goes, unless it names another file by now.
    if (this.#durable.get(change.source) === change.file) {
      this.#durable.set(change.source, undefined);
    }
  }

  /** Drops the names that are certain. */
  #forget(): void {
    const open = new Set(this.#changes.flatMap(({ path, source }) => [path, source]));
    for (const [path, file] of this.#durable) {
      if (open.has(path) || this.#seen.get(path) !== file) continue;
      this.#durable.delete(path);
      this.#seen.delete(path);
    }
  }
}

function touches<F>(change: NameChange<F>, directory: string): boolean {
  if (change.kind === 'rename' && dirname(change.source) === directory) return true;
  return dirname(change.path) === directory;
}

/** Returns the open part of a rename whose new name is certain: that the old one goes. */
function sourceGone<F>({ source, file, ghost }: NameChange<F>): NameChange<F> {
  return { kind: 'unlink', path: source, source: '', file, ghost };
}

/**
 * Returns the part of an earlier change that is still open, now that `change` is durable: nothing about the names of
 * this one.
 */
function leftOf<F>(earlier: NameChange<F>, change: NameChange<F>): readonly NameChange<F>[] {
  const isSettled = (path: string): boolean => path === change.path || path === change.source;
  if (!isSettled(earlier.path)) return [earlier];
  return earlier.kind === 'rename' && !isSettled(earlier.source) ? [sourceGone(earlier)] : [];
}
