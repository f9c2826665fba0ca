import type { Check } from '../verdict.ts';
import { formatVersion } from '../../../wal/format/position.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/** Checks that in the end every node that should be up answers, at the same position as the others. */
export function checkConvergence({ recording }: Evidence): Check {
  const { finals, phases, staysDown } = recording;
  const there = finals.filter(({ nodeId }) => !staysDown.includes(nodeId));
  const findings: string[] = [];
  if (phases.convergedMs === undefined) {
    const states = there.map(({ nodeId, status }) => {
      if (status === undefined) return `${nodeId} does not answer`;
      const why = status.notReady?.message ?? status.role;
      return `${nodeId} is at ${formatVersion(status.durable)} (${why})`;
    });
    findings.push(`the nodes were never equal after the load had ended: ${states.join(', ')}`);
  }
  for (const { nodeId, status, entries } of there) {
    if (status === undefined || entries === undefined) {
      findings.push(`${nodeId} does not answer in the end`);
    }
  }
  const ends = new Map(
    there.flatMap(({ nodeId, status }) =>
      status === undefined ? [] : [[formatVersion(status.durable), nodeId] as const],
    ),
  );
  if (ends.size > 1) {
    const list = [...ends].map(([version, nodeId]) => `${nodeId} at ${version}`).join(', ');
    findings.push(`logs end at different places: ${list}`);
  }
  const tookMs = (phases.convergedMs ?? 0) - phases.loadEndMs;
  return checkOf('CONVERGENCE', 'all nodes become one cluster again', {
    findings,
    looked: `${there.length} nodes, equal ${Math.round(tookMs)} ms after the load had ended`,
  });
}
