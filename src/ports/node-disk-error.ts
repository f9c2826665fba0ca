import { constants } from 'node:os';
import type { WalshipError } from '../errors.ts';
import { diskError } from './disk-errors.ts';

/** Turns an error of a Node.js file-system call into the error of the Disk port. EDQUOT is recognised by its number: Node.js has no name for it. */
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
