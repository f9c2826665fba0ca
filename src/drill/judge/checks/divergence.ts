import type { NodeStatus } from '../../../node/api/api.ts';
import type { Position } from '../../../wal/format/position.ts';
import { comparePositions, formatVersion } from '../../../wal/format/position.ts';
import type { Check } from '../verdict.ts';
import type { Survivor } from './acknowledged.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

const KEYS_SHOWN_MAX = 3;

/**
 * Checks that logs and stores of all nodes are the same in the end, and that two nodes which ever reported the same
 * position had equal logs.
 */
export function checkDivergence({ recording, survivors }: Evidence): Check {
  const { samples, finals, logDifferences } = recording;
  const seen = [
    ...samples.map(({ status, nodeId, atMs }) => ({
      status,
      where: `${nodeId} at ${Math.round(atMs)} ms`,
    })),
    ...finals.map(({ status, nodeId }) => ({ status, where: `${nodeId} in the end` })),
  ];
  const findings = [...differentChains(seen), ...differentStores(survivors), ...logDifferences];
  return checkOf('DIVERGENCE', 'all nodes have the same log and the same store', {
    findings,
    looked: `${survivors.length} nodes in the end, ${samples.length} samples`,
  });
}

function differentChains(
  seen: readonly { readonly status: NodeStatus | undefined; readonly where: string }[],
): readonly string[] {
  const known = new Map<string, { readonly position: Position; readonly where: string }>();
  const findings: string[] = [];
  for (const { status, where } of seen) {
    const position = status?.durable;
    if (position === undefined || position.lsn === 0) continue;
    const name = formatVersion(position);
    const before = known.get(name);
    if (before === undefined) known.set(name, { position, where });
    else if (before.position.chain !== position.chain) {
      findings.push(
        `at ${name} the log of ${where} has chain ${position.chain}, that of ${before.where} ${before.position.chain}`,
      );
    }
  }
  return findings;
}

function differentStores([first, ...others]: readonly Survivor[]): readonly string[] {
  if (first === undefined) return [];
  return others.flatMap((other) => {
    const differing = [...new Set([...first.entries.keys(), ...other.entries.keys()])].filter(
      (key) => !isSame(first.entries.get(key), other.entries.get(key)),
    );
    if (differing.length === 0) return [];
    const keys = differing.slice(0, KEYS_SHOWN_MAX).join(', ');
    return [`${first.nodeId} and ${other.nodeId} differ in ${differing.length} keys: ${keys}`];
  });
}

type Entry = ReturnType<Survivor['entries']['get']>;

function isSame(a: Entry, b: Entry): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.value === b.value && comparePositions(a.version, b.version) === 0;
}
