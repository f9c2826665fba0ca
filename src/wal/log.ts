import type { WalshipError } from '../errors.ts';
import type { BatchContext, LogOperation } from './batch-builder.ts';
import type { LogChunk } from './chunk.ts';
import type { LogIdentity, LogOptions, SavedTail } from './log-options.ts';
import type { EpochEntry, Position } from './position.ts';
import type { LogRecord } from './record.ts';
import type { RecoveryReport } from './recover.ts';

export type { BatchContext, LogOperation } from './batch-builder.ts';
export type { LogChunk } from './chunk.ts';
export type { LogIdentity, LogOptions, SavedTail } from './log-options.ts';

const unfinished = (): never => {
  throw new Error('under construction');
};

/** The log of one node. Under construction: the signatures are fixed. */
export class Log {
  static open(_options: LogOptions): Promise<Log> {
    return unfinished();
  }

  /** What recovery found, cut and saved. */
  get recovery(): RecoveryReport {
    return unfinished();
  }
  /** Undefined while the log is blank. */
  get identity(): LogIdentity | undefined {
    return unfinished();
  }
  begin(_identity: LogIdentity): Promise<void> {
    return unfinished();
  }
  get last(): Position {
    return unfinished();
  }
  get written(): Position {
    return unfinished();
  }
  get durable(): Position {
    return unfinished();
  }
  get knownCommitLsn(): number {
    return unfinished();
  }
  get epochs(): readonly EpochEntry[] {
    return unfinished();
  }
  epochAt(_lsn: number): number {
    return unfinished();
  }
  get firstLsn(): number {
    return unfinished();
  }
  get pendingBytes(): number {
    return unfinished();
  }
  lead(_entry: Omit<EpochEntry, 'firstLsn'>, _context: () => BatchContext): number {
    return unfinished();
  }
  append(_ops: readonly LogOperation[]): number {
    return unfinished();
  }
  stopLeading(): void {
    return unfinished();
  }
  drained(): Promise<void> {
    return unfinished();
  }
  onDurable(_listener: (durable: Position) => void): void {
    return unfinished();
  }
  onFailed(_listener: (error: WalshipError) => void): void {
    return unfinished();
  }
  write(_bytes: Buffer): Promise<Position> {
    return unfinished();
  }
  truncate(_to: Position, _why: string): Promise<SavedTail | undefined> {
    return unfinished();
  }
  chunkAfter(_lsn: number, _bytesMax: number): Promise<LogChunk | undefined> {
    return unfinished();
  }
  recentAfter(_lsn: number, _bytesMax: number): LogChunk | undefined {
    return unfinished();
  }
  chainAt(_lsn: number): Promise<Position | undefined> {
    return unfinished();
  }
  read(_options: { readonly from: number }): AsyncIterable<LogRecord> {
    return unfinished();
  }
  close(): Promise<void> {
    return unfinished();
  }
}
