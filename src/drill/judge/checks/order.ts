import { comparePositions, formatVersion } from '../../../wal/format/position.ts';
import type { WatchRecord } from '../../recording/recording.ts';
import type { Check } from '../verdict.ts';
import type { AcknowledgedWrite } from './acknowledged.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';
import { describeWrite } from './losses.ts';

/**
 * Checks that a write called after the acknowledgement of another one comes after it in the log, and that every watch
 * goes forward.
 */
export function checkOrder({ acknowledged, losses, recording }: Evidence): Check {
  // Lost writes have no place in the surviving log.
  const lost = new Set(losses.map(({ write }) => write));
  const writes = acknowledged.filter((write) => !lost.has(write));
  const findings = [...overtaken(writes), ...recording.watches.flatMap(goneBack)];
  return checkOf('ORDER', 'the log keeps the order in which writes were acknowledged', {
    findings,
    looked: `${writes.length} acknowledged writes, ${recording.watches.length} watches`,
  });
}

function overtaken(writes: readonly AcknowledgedWrite[]): readonly string[] {
  const byCall = writes.toSorted((a, b) => a.calledAt - b.calledAt);
  const byReturn = writes.toSorted((a, b) => a.returnedAt - b.returnedAt);
  const findings: string[] = [];
  let highest: AcknowledgedWrite | undefined;
  let next = 0;
  for (const write of byCall) {
    for (let before = byReturn[next]; before !== undefined; before = byReturn[next]) {
      if (before.returnedAt >= write.calledAt) break;
      next += 1;
      const isHigher =
        highest === undefined || comparePositions(before.version, highest.version) > 0;
      if (isHigher) highest = before;
    }
    if (highest === undefined || comparePositions(write.version, highest.version) > 0) continue;
    findings.push(
      `${describeWrite(write)} was called after ${describeWrite(highest)} had been acknowledged, and stands before it`,
    );
  }
  return findings;
}

/** Finds changes below the previous one. A change that is shown again is another fault. */
function goneBack({ watcher, changes }: WatchRecord): readonly string[] {
  const findings: string[] = [];
  for (const [index, { version, key }] of changes.entries()) {
    const before = changes[index - 1];
    if (before === undefined || comparePositions(version, before.version) >= 0) continue;
    const at = formatVersion(version);
    findings.push(`${watcher} shows ${key} at ${at} after ${formatVersion(before.version)}`);
  }
  return findings;
}
