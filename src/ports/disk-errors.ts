import { type ErrorCode, isWalshipError, WalshipError } from '../errors.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_QUOTA',
  EROFS: 'DISK_READ_ONLY',
  EACCES: 'DISK_DENIED',
  EPERM: 'DISK_DENIED',
  EMFILE: 'NO_DESCRIPTORS',
  ENFILE: 'NO_DESCRIPTORS',
  EEXIST: 'PATH_UNUSABLE',
  EISDIR: 'PATH_UNUSABLE',
  ENOTDIR: 'PATH_UNUSABLE',
};

/** Reports the failure of a system call as the Disk port does. `also` is appended to the system's message. */
export function diskError(
  operation: string,
  path: string,
  cause: NodeJS.ErrnoException,
  also = '',
): WalshipError {
  const errno = cause.code ?? null;
  const code = CODES[cause.code ?? ''] ?? 'DISK_FAILED';
  const details = { path, operation, errno };
  return new WalshipError(code, `${operation} of ${path}: ${cause.message}${also}`, {
    details,
    cause,
  });
}

/** Failures of a healthy disk that accepts no writes now: no space, no permission or no descriptor. A retry may succeed later. */
const UNWRITABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DISK_FULL',
  'DISK_QUOTA',
  'DISK_READ_ONLY',
  'DISK_DENIED',
  'NO_DESCRIPTORS',
]);

export function isUnwritableCode(code: string): boolean {
  return (UNWRITABLE as ReadonlySet<string>).has(code);
}

/** True for a failure of a healthy disk that accepts no writes now. */
export function isUnwritable(error: unknown): error is WalshipError {
  return isWalshipError(error) && isUnwritableCode(error.code);
}

/** True if a file did not exist. */
export function isAbsent(error: unknown): error is WalshipError {
  return isWalshipError(error, 'DISK_FAILED') && error.details['errno'] === 'ENOENT';
}
