import { constants } from 'node:os';
import type { WalshipError } from '../errors.ts';
import { diskError } from './disk-errors.ts';

/** Reports the failure of a call of Node as the Disk port does. EDQUOT is recognised by its number: Node has no name for it, and calls it unknown. */
export function nodeDiskError(
  operation: string,
  path: string,
  cause: NodeJS.ErrnoException,
  also = '',
): WalshipError {
  if (cause.errno !== -constants.errno.EDQUOT) return diskError(operation, path, cause, also);
  const named = Object.assign(new Error('EDQUOT: the quota is used up', { cause }), {
    code: 'EDQUOT',
  });
  return diskError(operation, path, named, also);
}
