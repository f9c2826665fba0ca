/** Evidence from a recording that several checks need, computed once. */
import type { FailoverResult } from '../../../node/api/api.ts';
import type { Operation } from '../../../check/history.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { Recording } from '../../recording/recording.ts';
import { acknowledgedWrites } from './acknowledged.ts';
import type { AcknowledgedWrite, Survivor } from './acknowledged.ts';
import type { Loss } from './losses.ts';
import { findLosses } from './losses.ts';

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
  /** Returns true for a version that a forced failover left behind. */
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

function forcedFailovers({ timeline }: Recording): readonly Forced[] {
  return timeline.flatMap(({ atMs, answer }) => {
    const body = (answer?.ok === true ? answer.body : null) as Partial<FailoverResult> | null;
    const isForced = body?.done === true && body.risk !== undefined && body.kept !== undefined;
    return isForced ? [{ atMs, result: body as FailoverResult }] : [];
  });
}

/** Returns true for a version of the old history above the end that the new one kept. */
function isBehind(version: Version, { kept, epoch }: FailoverResult): boolean {
  const isOld = epoch === null ? version.epoch <= kept.epoch : version.epoch < epoch;
  return isOld && version.lsn > kept.lsn;
}
