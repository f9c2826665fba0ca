import type { WalshipError } from '../errors.ts';
import { diskError as systemError } from '../ports/disk-errors.ts';

export type DiskOperationKind =
  | 'open'
  | 'create'
  | 'list'
  | 'makeDir'
  | 'rename'
  | 'remove'
  | 'syncDir'
  | 'lock'
  | 'size'
  | 'read'
  | 'write'
  | 'writeDurable'
  | 'sync'
  | 'truncate';

/** One call of the disk port. */
export interface DiskOperation {
  /** 1, 2, 3, …: counted over all lives of all processes. */
  readonly number: number;
  readonly kind: DiskOperationKind;
  readonly path: string;
  /** Of a rename: the new name. */
  readonly target?: string;
  readonly position?: number;
  readonly bytes?: number;
}

/**
 * What may go wrong with one operation.
 * - `crash`: the process dies in it; the operation happened wholly, in part or not at all.
 * - `eio`: it fails. What a failed sync covered counts as clean from then on and is not durable.
 * - `enospc`: no room; a write leaves a part behind.
 * - `short`: a write comes back short, which the port reports as a failed disk.
 * - `emfile`: the process has no descriptor left; nothing happened.
 */
export type DiskFault = 'crash' | 'eio' | 'enospc' | 'short' | 'emfile';

/** Errors of the system that the simulated disk knows. */
export type Errno = 'EIO' | 'ENOSPC' | 'ENOENT' | 'EBADF' | 'EMFILE' | 'EROFS';

/** What an operation does to the disk. */
export interface Action<T> {
  /** At the end of its time; may throw. */
  readonly apply: (operation: DiskOperation) => T;
  /** It fails, or its process dies, halfway. */
  readonly applyInPart?: () => void;
  /** It fails with EIO. */
  readonly fail?: () => void;
  /** Its process dies, and it does not happen. */
  readonly abandon?: () => void;
}

/** For people and test output: `#17 writeDurable /data/wal/00000000000000000001.wal @4096 +512`. */
export function describeOperation(operation: DiskOperation): string {
  const { number, kind, path, target, position, bytes } = operation;
  let text = `#${number} ${kind} ${path}`;
  if (target !== undefined) text += ` -> ${target}`;
  if (position !== undefined) text += ` @${position}`;
  if (bytes !== undefined) text += ` +${bytes}`;
  return text;
}

/** The error that the real adapter throws where the system says `code`. */
export function diskError({ kind, path, number }: DiskOperation, code: Errno): WalshipError {
  const cause = Object.assign(new Error(`${code}: ${kind} '${path}', operation ${number}`), {
    code,
  });
  return systemError(kind, path, cause);
}
