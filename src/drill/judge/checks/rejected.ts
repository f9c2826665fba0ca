import { formatVersion } from '../../../wal/format/position.ts';
import type { Version } from '../../../wal/format/position.ts';
import { parseAccount } from '../../load/workload-accounts.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/** Checks that no rejected write appears: neither in a final state, nor in any watch. */
export function checkRejected(evidence: Evidence): Check {
  const { recording, survivors } = evidence;
  const rejected = rejectedValues(evidence);
  const transfers = new Set(
    recording.transfers.filter(({ end }) => end === 'rejected').map(({ id }) => id),
  );
  const accounts = new Set(recording.accounts.names);
  const appeared = new Map<string, string>();
  const look = (where: string, key: string, entry: { value: string; version: Version }): void => {
    const name = accounts.has(key)
      ? `transfer ${parseAccount(entry.value).id}`
      : `${key} = ${entry.value}`;
    const wasRejected = accounts.has(key)
      ? transfers.has(parseAccount(entry.value).id)
      : rejected.get(key)?.has(entry.value);
    if (wasRejected !== true || appeared.has(name)) return;
    const at = formatVersion(entry.version);
    appeared.set(name, `${name} was rejected, and is at ${at} ${where}`);
  };
  for (const { nodeId, entries } of survivors) {
    for (const [key, entry] of entries) look(`on ${nodeId} in the end`, key, entry);
  }
  for (const { watcher, changes } of recording.watches) {
    for (const change of changes) {
      if (change.op === 'put') look(`in ${watcher}`, change.key, change);
    }
  }
  const count = [...rejected.values()].reduce((sum, { size }) => sum + size, 0) + transfers.size;
  return checkOf('REJECTED_APPEARED', 'no rejected write appears', {
    findings: [...appeared.values()],
    looked: `${count} rejected writes`,
  });
}

/** Returns the rejected values, by key. */
function rejectedValues({ recording, operations }: Evidence): Map<string, Set<string>> {
  const values = new Map<string, Set<string>>();
  const add = (key: string, value: string): void => {
    const own = values.get(key);
    if (own === undefined) values.set(key, new Set([value]));
    else own.add(value);
  };
  for (const { key, value, end } of recording.setWrites) if (end === 'rejected') add(key, value);
  for (const { key, request, outcome } of operations) {
    if (request.kind !== 'put') continue;
    if (outcome.kind === 'rejected' || outcome.kind === 'condition-failed') add(key, request.value);
  }
  return values;
}
