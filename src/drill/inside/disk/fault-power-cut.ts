import assert from 'node:assert';
import * as fs from 'node:fs';
import type { TrackedFile } from './fault-file.ts';
import type { SeededEntropy } from '../../../ports/seeded-entropy.ts';
import type { UnsyncedFile } from './unsynced-file.ts';
import type { UnsyncedNames } from './unsynced-names.ts';

export interface CutDirectory {
  readonly names: UnsyncedNames<TrackedFile>;
  /** Files that were opened or changed, by their present names. */
  readonly files: ReadonlyMap<string, TrackedFile>;
  /** Gives a file a link in the side directory, from the name that it has. */
  readonly keep: (path: string, file: TrackedFile) => void;
  readonly entropy: SeededEntropy;
}

/** Restores files and names to a state that a platter may have after a power cut. No process uses them at the time. */
export function restoreDirectory({ names, files, keep, entropy }: CutDirectory): void {
  const uncertain = names.files();
  for (const [path, file] of files) if (uncertain.has(file)) keep(path, file);
  const left = new Map(files);
  const changed = names.afterPowerCut(entropy);
  for (const path of changed.keys()) fs.rmSync(path, { force: true });
  for (const [path, file] of changed) {
    if (file === undefined) {
      left.delete(path);
      continue;
    }
    assert(file.side !== undefined, 'a file that may get a name back is kept');
    fs.linkSync(file.side, path);
    left.set(path, file);
  }
  const done = new Set<TrackedFile>();
  for (const [path, file] of left) {
    if (!done.has(file) && file.content !== undefined) restoreFile(path, file.content, entropy);
    done.add(file);
  }
}

function restoreFile(path: string, content: UnsyncedFile, entropy: SeededEntropy): void {
  const { bytes, lost } = content.afterPowerCut(entropy);
  if (lost.length === 0 && bytes === content.bytes) return;
  const fd = fs.openSync(path, 'r+');
  try {
    fs.ftruncateSync(fd, bytes);
    for (const patch of lost) {
      fs.writeSync(fd, patch.bytes, 0, patch.bytes.length, patch.position);
    }
  } finally {
    fs.closeSync(fd);
  }
}
