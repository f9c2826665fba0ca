import type { Operation } from '../../../check/history.ts';
import { judgeLocalReads } from '../../../check/local-reads.ts';
import { versionOf } from '../../../check/register-steps.ts';
import { formatVersion } from '../../../wal/format/position.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';
import { Lives } from './lives.ts';
import { Replaced } from './replaced.ts';

/**
 * Checks the reads of one node. Such a read may be old, but shows a state that existed, no older than it was asked
 * for; and no node goes back. The shown state is committed, so it is never cut off later, whatever its writer was
 * told, except by a forced failover.
 */
export function checkLocalReads(evidence: Evidence): Check {
  const { recording, operations, isCutOff } = evidence;
  const lives = new Lives(recording.samples);
  const localReads = recording.history.localReads.map((read, index) => {
    const life = lives.of(read.node, read.calledAt, read.returnedAt);
    // A read of an unknown run is compared with no other one.
    return { ...read, node: `${read.node} (life ${life ?? `unknown, read ${index}`})` };
  });
  const violation = judgeLocalReads({
    localReads,
    operations: operations.map((operation) => {
      const version = versionOf(operation);
      return version !== undefined && isCutOff(version) ? uncertain(operation) : operation;
    }),
  });
  return checkOf('LOCAL_READS', 'local reads may be old, but are never wrong', {
    findings: [
      ...(violation === undefined ? [] : [`${violation.code}: ${violation.message}`]),
      ...neverCommitted(evidence),
    ],
    looked: `${localReads.length} local reads`,
  });
}

/** Finds reads that show versions missing in the surviving log. */
function neverCommitted(evidence: Evidence): readonly string[] {
  const replaced = new Replaced(evidence);
  return evidence.recording.history.localReads.flatMap(({ node, key, found, calledAt }) => {
    const version = found?.version;
    if (version === undefined || evidence.isCutOff(version)) return [];
    const why = replaced.why(version);
    if (why === undefined) return [];
    const what = `${key} at ${formatVersion(version)}, read at ${node}, called at ${Math.round(calledAt)} ms`;
    return [`NEVER_COMMITTED: ${what}, was shown and is cut off: ${why}`];
  });
}

function uncertain(operation: Operation): Operation {
  const version = versionOf(operation);
  return { ...operation, outcome: { kind: 'indeterminate', version } };
}
