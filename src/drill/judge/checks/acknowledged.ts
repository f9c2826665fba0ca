import type { Operation } from '../../../check/history.ts';
import { versionOf } from '../../../check/register-steps.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { FinalState, Recording } from '../../recording/recording.ts';

/** An acknowledged write; a transfer is one for each of its accounts. */
export interface AcknowledgedWrite {
  readonly kind: 'set' | 'register' | 'transfer';
  readonly key: string;
  /** Value; undefined: a delete. For a transfer the id alone tells what it left. */
  readonly value: string | undefined;
  readonly version: Version;
  readonly ack: 'local' | 'quorum' | 'all';
  readonly calledAt: number;
  readonly returnedAt: number;
}

/** Final state of a node that answered in the end. */
export type Survivor = FinalState & { readonly entries: NonNullable<FinalState['entries']> };

/**
 * Returns every acknowledged write of the set, the registers and the accounts. @param operations those of the
 * registers.
 */
export function acknowledgedWrites(
  recording: Recording,
  operations: readonly Operation[],
): readonly AcknowledgedWrite[] {
  const writes: AcknowledgedWrite[] = [];
  for (const { key, value, ack, version, end, calledAt, returnedAt } of recording.setWrites) {
    if (end !== 'acknowledged' || version === undefined) continue;
    writes.push({ kind: 'set', key, value, version, ack, calledAt, returnedAt });
  }
  for (const operation of operations) {
    const { key, request, outcome, calledAt, returnedAt } = operation;
    if (request.kind !== 'put' && request.kind !== 'delete') continue;
    const version = versionOf(operation);
    if (outcome.kind !== 'acknowledged' || version === undefined) continue;
    const value = request.kind === 'put' ? request.value : undefined;
    writes.push({
      kind: 'register',
      key,
      value,
      version,
      ack: 'quorum',
      calledAt,
      returnedAt,
    });
  }
  for (const { from, to, end, version, calledAt, returnedAt } of recording.transfers) {
    if (end !== 'acknowledged' || version === undefined) continue;
    const common = { kind: 'transfer', value: undefined, ack: 'quorum', calledAt, returnedAt };
    const { epoch, lsn } = version;
    writes.push({ ...common, key: from, version: { epoch, lsn: lsn - 1 } } as AcknowledgedWrite);
    writes.push({ ...common, key: to, version } as AcknowledgedWrite);
  }
  return writes;
}
