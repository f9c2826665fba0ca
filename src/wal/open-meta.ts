import { isWalshipError, WalshipError } from '../errors.ts';
import type { Disk } from '../ports/disk.ts';
import { lostMetaHint } from './files/lost-meta.ts';
import { type MetaOptions, MetaStore } from './files/meta.ts';
import { orphaned, verify } from './tools/verify.ts';

/** Opens meta.json like `MetaStore.open`; if it is lost, the hint of the error depends on the state of the log. */
export async function openMeta(disk: Disk, dir: string, options: MetaOptions): Promise<MetaStore> {
  try {
    return await MetaStore.open(disk, dir, options);
  } catch (error) {
    if (!isWalshipError(error, 'WAL_CORRUPT')) throw error;
    const hint = lostMetaHint(orphaned(await verify(disk, dir)));
    const { code, message, details } = error;
    throw new WalshipError(code, message, { details: { ...details, hint }, cause: error });
  }
}
