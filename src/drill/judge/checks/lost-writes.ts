import { formatVersion } from '../../../wal/format/position.ts';
import type { Check, Rpo } from '../verdict.ts';
import type { AcknowledgedWrite } from './acknowledged.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';
import { describeWrite } from './losses.ts';

/** Number of versions that are listed for each level. */
export const LOST_SHOWN_MAX = 20;

/** Checks that every acknowledged write is on every node in the end; intended losses are judged by the prediction. */
export function checkLostWrites(evidence: Evidence): Check {
  const { losses, recording, survivors, acknowledged } = evidence;
  const { loss } = recording.scenario;
  const isMeant = ({ ack }: AcknowledgedWrite): boolean =>
    loss === 'forced' || (loss === 'local' && ack === 'local');
  const findings = losses
    .filter(({ write }) => !isMeant(write))
    .map(({ write, lackedBy }) => `${describeWrite(write)} is not on ${lackedBy.join(', ')}`);
  if (survivors.length === 0) findings.push('no node answered in the end');
  const meant = losses.length - findings.length;
  const also = meant > 0 ? `; ${meant} more were meant to be lost, see PREDICTION` : '';
  return checkOf('LOST_WRITE', 'every acknowledged write is present at the end', {
    findings,
    looked: `${acknowledged.length} acknowledged writes on ${survivors.length} nodes${also}`,
  });
}

/** Returns the losses of one level; a transfer counts once. */
export function rpoOf({ acknowledged, losses }: Evidence, level: AcknowledgedWrite['ack']): Rpo {
  const ofLevel = acknowledged.filter(({ ack }) => ack === level);
  const lost = losses.filter(({ write }) => write.ack === level);
  return {
    acknowledged: new Set(ofLevel.map(nameOf)).size,
    lost: new Set(lost.map(({ write }) => nameOf(write))).size,
    lostVersions: lost.slice(0, LOST_SHOWN_MAX).map(({ write }) => formatVersion(write.version)),
  };
}

/** Returns an identity of the write: no two writes are called at one moment. */
function nameOf({ calledAt }: AcknowledgedWrite): number {
  return calledAt;
}
