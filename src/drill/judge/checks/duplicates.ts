import { comparePositions, formatVersion } from '../../../wal/format/position.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/**
 * Checks that every value has one version: it is written once only, so the acknowledgement, watches and the final
 * states must agree.
 */
export function checkDuplicates({ acknowledged, recording, survivors }: Evidence): Check {
  const versions = new Map<string, { readonly version: Version; readonly told: string }>();
  const findings = new Map<string, string>();
  let looked = 0;
  const tell = (told: string, key: string, entry: { value: string; version: Version }): void => {
    const name = `${key} = ${entry.value}`;
    const before = versions.get(name);
    looked += 1;
    if (before === undefined) {
      versions.set(name, { version: entry.version, told });
      return;
    }
    if (comparePositions(before.version, entry.version) === 0 || findings.has(name)) return;
    const first = `${formatVersion(before.version)} (${before.told})`;
    const second = `${formatVersion(entry.version)} (${told})`;
    findings.set(name, `${name} is there twice: at ${first} and at ${second}`);
  };
  for (const { key, value, version } of acknowledged) {
    if (value !== undefined) tell('acknowledged', key, { value, version });
  }
  for (const { watcher, changes } of recording.watches) {
    for (const change of changes) if (change.op === 'put') tell(watcher, change.key, change);
  }
  for (const { nodeId, entries } of survivors) {
    for (const [key, entry] of entries) tell(nodeId, key, entry);
  }
  return checkOf('DUPLICATE', 'nothing was written twice', {
    findings: [...findings.values()],
    looked: `${versions.size} values, told ${looked} times`,
  });
}
