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

/** A call of the disk port. */
export interface DiskOperation {
  /** Number of the operation: 1, 2, 3, …, counted over all runs of all processes. */
  readonly number: number;
  readonly kind: DiskOperationKind;
  readonly path: string;
  /** New name in a rename. */
  readonly target?: string;
  readonly position?: number;
  readonly bytes?: number;
}

/**
 * Faults of one operation.
 * - `crash`: the process dies in it; the operation happened wholly, in part or not at all.
 * - `eio`: it fails. The blocks of a failed sync count as clean from then on and are not durable.
 * - `enospc`: no space; a write leaves a part behind.
 * - `short`: a write comes back short, which the port reports as a failed disk.
 * - `emfile`: the process has no descriptor left; nothing happened.
 */
export type DiskFault = 'crash' | 'eio' | 'enospc' | 'short' | 'emfile';

/** System errors that the simulated disk knows. */
export type Errno = 'EIO' | 'ENOSPC' | 'ENOENT' | 'EBADF' | 'EMFILE' | 'EROFS';

/** Effect of an operation on the disk. */
export interface Action<T> {
  /** Applies it at the end of its time; may throw. */
  readonly apply: (operation: DiskOperation) => T;
  /** Applies a part, where it fails, or its process dies, halfway. */
  readonly applyInPart?: () => void;
  /** Handles a failure with EIO. */
  readonly fail?: () => void;
  /** Handles the death of its process where the operation does not happen. */
  readonly abandon?: () => void;
}

/** Describes an operation for display: `#17 writeDurable /data/wal/00000000000000000001.wal @4096 +512`. */
export function describeDiskOperation(operation: DiskOperation): string {
  const { number, kind, path, target, position, bytes } = operation;
  let text = `#${number} ${kind} ${path}`;
  if (target !== undefined) text += ` -> ${target}`;
  if (position !== undefined) text += ` @${position}`;
  if (bytes !== undefined) text += ` +${bytes}`;
  return text;
}

/** Creates the error that the real adapter throws for the system error `code`. */
export function diskError({ kind, path, number }: DiskOperation, code: Errno): WalshipError {
  const cause = Object.assign(new Error(`${code}: ${kind} '${path}', operation ${number}`), {
    code,
  });
  return systemError(kind, path, cause);
}
