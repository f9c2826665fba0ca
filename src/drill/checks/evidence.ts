/** What several checks need of a recording, worked out once. */
import type { FailoverResult } from '../../node/api.ts';
import type { Operation } from '../../sim/history.ts';
import { versionOf } from '../../sim/register-steps.ts';
import type { Version } from '../../wal/position.ts';
import type { FinalState, Recording } from '../recording.ts';
import type { Loss } from './losses.ts';
import { findLosses } from './losses.ts';

/** A write that was acknowledged; of a transfer one for each of its accounts. */
export interface AcknowledgedWrite {
  readonly kind: 'set' | 'register' | 'transfer';
  readonly key: string;
  /** Undefined: a delete. Of a transfer: what it left is told by its id alone. */
  readonly value: string | undefined;
  readonly version: Version;
  readonly ack: 'local' | 'quorum' | 'all';
  readonly calledAt: number;
  readonly returnedAt: number;
}

/** A node that answered in the end. */
export type Survivor = FinalState & { readonly entries: NonNullable<FinalState['entries']> };

/** A forced failover that was carried out. */
export interface Forced {
  readonly atMs: number;
  readonly result: FailoverResult;
}

export interface Evidence {
  readonly recording: Recording;
  readonly operations: readonly Operation[];
  readonly acknowledged: readonly AcknowledgedWrite[];
  readonly survivors: readonly Survivor[];
  readonly losses: readonly Loss[];
  readonly forced: readonly Forced[];
  /** True of a version that a forced failover left behind. */
  readonly isCutOff: (version: Version) => boolean;
}

export function evidenceOf(recording: Recording): Evidence {
  const { operations } = recording.history;
  const acknowledged = acknowledgedWrites(recording, operations);
  const survivors = recording.finals.filter(
    (state): state is Survivor => state.entries !== undefined,
  );
  const forced = forcedFailovers(recording);
  return {
    recording,
    operations,
    acknowledged,
    survivors,
    losses: findLosses({ acknowledged, survivors, operations }),
    forced,
    isCutOff: (version) => forced.some(({ result }) => isBehind(version, result)),
  };
}

function acknowledgedWrites(
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

function forcedFailovers({ timeline }: Recording): readonly Forced[] {
  return timeline.flatMap(({ atMs, answer }) => {
    const body = (answer?.ok === true ? answer.body : null) as Partial<FailoverResult> | null;
    const isForced = body?.done === true && body.risk !== undefined && body.kept !== undefined;
    return isForced ? [{ atMs, result: body as FailoverResult }] : [];
  });
}

/** Of the old history, and above what the new one kept of it. */
function isBehind(version: Version, { kept, epoch }: FailoverResult): boolean {
  const isOld = epoch === null ? version.epoch <= kept.epoch : version.epoch < epoch;
  return isOld && version.lsn > kept.lsn;
}
