/** Entry point `walship/wal`: the log alone. */
import { NodeDisk } from '../ports/node-disk.ts';
import type { NodeDiskOptions } from '../ports/node-disk.ts';
import { SystemClock } from '../ports/system-clock.ts';
import { SystemEntropy } from '../ports/system-entropy.ts';
import { StandaloneLog } from './standalone.ts';
import type { OpenOptions } from './standalone.ts';

export { StandaloneLog } from './standalone.ts';
export type { OpenOptions, Operation } from './standalone.ts';
export { OP } from './format/record.ts';
export type { LogRecord } from './format/record.ts';
export type { RecoveryReport, RecoveryWarning } from './recovery/recover.ts';
export { formatVersion, parseVersion } from './format/position.ts';
export type { Version } from './format/position.ts';
export { ERRORS, isWalshipError, WalshipError } from '../errors.ts';
export type { ErrorCode, ErrorDetails, Outcome } from '../errors.ts';

/**
 * Opens the log in directory `dir`, or creates it if absent; all records acknowledged before are present and durable on resolve.
 * @throws WalshipError DATA_DIR_LOCKED, LOCK_UNAVAILABLE, WAL_CORRUPT, SEGMENT_MISSING, UNSUPPORTED_VERSION, DISK_FULL, DISK_FAILED.
 */
export function open(
  dir: string,
  options: OpenOptions & NodeDiskOptions = {},
): Promise<StandaloneLog> {
  const { unsafeNoLock = false, ...rest } = options;
  const disk = new NodeDisk({ unsafeNoLock });
  const ports = { disk, clock: new SystemClock(), entropy: new SystemEntropy() };
  return StandaloneLog.open(dir, ports, rest);
}
