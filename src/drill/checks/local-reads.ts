import type { Operation } from '../../sim/history.ts';
import { judgeLocalReads } from '../../sim/local-reads.ts';
import { versionOf } from '../../sim/register-steps.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';
import { Lives } from './lives.ts';

/** A read of one node may be old, and shows a state that was, no older than it was asked for; and no node goes back. */
export function checkLocalReads({ recording, operations, isCutOff }: Evidence): Check {
  const lives = new Lives(recording.samples);
  const localReads = recording.history.localReads.map((read, index) => {
    const life = lives.of(read.node, read.calledAt, read.returnedAt);
    // Where the life is not known, it is compared with no other one.
    return { ...read, node: `${read.node} (life ${life ?? `unknown, read ${index}`})` };
  });
  const violation = judgeLocalReads({
    localReads,
    operations: operations.map((operation) => {
      const version = versionOf(operation);
      return version !== undefined && isCutOff(version) ? uncertain(operation) : operation;
    }),
  });
  return checkOf('LOCAL_READS', 'reads of one node are old at most, and never wrong', {
    findings: violation === undefined ? [] : [`${violation.code}: ${violation.message}`],
    looked: `${localReads.length} local reads`,
  });
}

function uncertain(operation: Operation): Operation {
  const version = versionOf(operation);
  return { ...operation, outcome: { kind: 'indeterminate', version } };
}
