import { stat } from 'node:fs/promises';
import { WalshipError } from '../errors.ts';

/**
 * Refuses a path that does not exist: an absent directory must not look like an empty log. @throws WalshipError
 * CONFIG_INVALID.
 */
export async function checkPath(
  path: string,
  wanted: 'a directory' | 'a directory or a segment',
): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new WalshipError('CONFIG_INVALID', `there is no ${path}`);
  if (wanted === 'a directory' && !found.isDirectory()) {
    throw new WalshipError('CONFIG_INVALID', `${path} is not a directory`);
  }
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
