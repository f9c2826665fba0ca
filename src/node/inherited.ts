import { OP } from '../wal/record.ts';
import type { Replica } from './replica.ts';

/** A write that an earlier leadership left in the log, not known to be committed. */
export interface InheritedWrite {
  readonly lsn: number;
  readonly op: number;
  readonly key: Buffer;
}

/**
 * The writes in the log that are not applied yet, oldest first: what a new leader inherits and may still see committed. Everything that is
 * known to be committed is applied before it resolves, so what is left is bounded by the limit on uncommitted bytes.
 */
export async function inheritedWrites(replica: Replica): Promise<readonly InheritedWrite[]> {
  await replica.caughtUp();
  const found: InheritedWrite[] = [];
  for await (const { lsn, op, key } of replica.log.read({ from: replica.appliedLsn + 1 })) {
    if (op === OP.PUT || op === OP.DELETE) found.push({ lsn, op, key: Buffer.from(key) });
  }
  return found;
}
