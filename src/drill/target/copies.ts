/** Empties, copies and restores whole data directories. The directory itself stays, since a container may have it mounted. */
import { chown, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WalshipError } from '../../errors.ts';
import { META_NAME } from '../../wal/files/meta.ts';

/** Removes everything in `dir`, which may be absent; resolves with the names that were there. */
export async function emptyDir(dir: string): Promise<readonly string[]> {
  const names = await namesOf(dir);
  for (const name of names) await rm(path.join(dir, name), { recursive: true, force: true });
  return names;
}

/** Copies the contents of `dir` to `copyDir`, in place of an earlier copy. */
export async function backUp(dir: string, copyDir: string): Promise<void> {
  await emptyDir(copyDir);
  await copyInto(copyDir, dir);
}

/**
 * Replaces the contents of `dir` by the copy. @param keepMeta keeps the present meta.json.
 * @throws WalshipError DRILL_FAILED where there is no copy.
 */
export async function restore(
  dir: string,
  { copyDir, keepMeta }: { readonly copyDir: string; readonly keepMeta: boolean },
): Promise<void> {
  if ((await namesOf(copyDir)).length === 0) {
    throw new WalshipError('DRILL_FAILED', 'nothing was backed up that could be restored');
  }
  const meta = path.join(dir, META_NAME);
  const kept = keepMeta ? await readFile(meta) : undefined;
  await emptyDir(dir);
  await copyInto(dir, copyDir);
  if (kept !== undefined) await writeFile(meta, kept);
}

/**
 * Copies files, which then belong to the owner of `target`: a node in a container runs as another user than the
 * drill.
 */
async function copyInto(target: string, source: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const { uid, gid } = await stat(target);
  for (const name of await namesOf(source)) {
    await cp(path.join(source, name), path.join(target, name), { recursive: true });
  }
  if (process.getuid?.() !== 0) return;
  for (const name of await readdir(target, { recursive: true })) {
    await chown(path.join(target, name), uid, gid);
  }
}

async function namesOf(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
