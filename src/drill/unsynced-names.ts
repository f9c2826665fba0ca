/** What a power cut would take from directories: names that were made, moved or removed, and not synced. What a name stood for is kept beside until then. */
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Chance } from './unsynced-file.ts';

/** One change, and how it is undone. */
interface Change {
  /** Names that it is about: of two changes of one name the earlier cannot be undone alone. */
  readonly names: readonly string[];
  readonly undo: () => void;
  /** Where what it took away is kept. */
  readonly kept: string | undefined;
}

const KEPT_SHARE = 0.5;

export class UnsyncedNames {
  readonly #sideDir: string;
  #changes: Change[] = [];
  #count = 0;

  /** @param sideDir where files that lost their names are kept, on the same file system. */
  constructor(sideDir: string) {
    this.#sideDir = sideDir;
    rmSync(sideDir, { recursive: true, force: true });
  }

  created(path: string): void {
    const undo = (): void => rmSync(path, { force: true });
    this.#changes.push({ names: [path], undo, kept: undefined });
  }

  /** To be called before the rename: keeps what stands at `target`. The result is to be called once it was done. */
  willRename(source: string, target: string): () => void {
    const kept = this.#keep(target);
    const undo = (): void => {
      renameSync(target, source);
      if (kept !== undefined) renameSync(kept, target);
    };
    return () => this.#changes.push({ names: [source, target], undo, kept });
  }

  /** To be called before the removal, as `willRename`. */
  willRemove(path: string): () => void {
    const kept = this.#keep(path);
    const undo = (): void => {
      if (kept !== undefined) renameSync(kept, path);
    };
    return () => this.#changes.push({ names: [path], undo, kept });
  }

  /** A sync of a directory begins: what it covers stays once the result was called. */
  beginSync(dir: string): () => void {
    const covered = new Set(
      this.#changes.filter(({ names }) => names.some((name) => dirname(name) === dir)),
    );
    return () => {
      this.#changes = this.#changes.filter((change) => !covered.has(change));
      for (const { kept } of covered) if (kept !== undefined) rmSync(kept, { force: true });
    };
  }

  /** Keeps each change or undoes it, the latest first. To be called when nothing else uses the files. */
  cut(chance: Chance): void {
    const settled = new Set<string>();
    for (const { names, undo } of this.#changes.toReversed()) {
      if (!names.some((name) => settled.has(name)) && !chance.chance(KEPT_SHARE)) undo();
      else for (const name of names) settled.add(name);
    }
  }

  #keep(path: string): string | undefined {
    if (!readdirSync(dirname(path)).some((name) => join(dirname(path), name) === path)) {
      return undefined;
    }
    mkdirSync(this.#sideDir, { recursive: true });
    this.#count += 1;
    const kept = join(this.#sideDir, String(this.#count));
    linkSync(path, kept);
    return kept;
  }
}
