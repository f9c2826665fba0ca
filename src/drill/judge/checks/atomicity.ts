import { comparePositions, formatVersion } from '../../../wal/format/position.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { Recording, WatchChange, WatchRecord } from '../../recording/recording.ts';
import type { Check } from '../verdict.ts';
import { parseAccount, SETUP_ID } from '../../load/workload-accounts.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/**
 * Checks that the sum of the accounts never changes, and that the transfers shown by watches, replayed, lead to the
 * actual balances.
 */
export function checkAtomicity({ recording, survivors, forced }: Evidence): Check {
  const findings = [
    ...wrongSums(recording),
    ...survivors.flatMap(({ nodeId, entries }) => {
      const balances = recording.accounts.names.flatMap((name) => {
        const entry = entries.get(name);
        return entry === undefined ? [] : [[name, parseAccount(entry.value).balance] as const];
      });
      return wrongSum(`${nodeId} in the end`, recording, Object.fromEntries(balances));
    }),
    // Another history may change a version that the old one changed too.
    ...(forced.length === 0 ? changedTwice(recording) : []),
    ...recording.watches.flatMap((watch) => [...torn(watch), ...replay(watch, recording)]),
  ];
  const { accountReads, transfers } = recording;
  const moved = transfers.filter(({ end }) => end === 'acknowledged').length;
  return checkOf('ATOMICITY', 'transactions are atomic', {
    findings,
    looked: `${accountReads.length} reads of all accounts, ${moved} transfers`,
  });
}

function wrongSums(recording: Recording): readonly string[] {
  const { version } = recording.accounts;
  return recording.accountReads.flatMap(({ atMs, nodeId, applied, balances }) => {
    // A node that has not applied the setup has no accounts.
    if (version === undefined || comparePositions(applied, version) < 0) return [];
    const where = `${nodeId} at ${formatVersion(applied)}, ${Math.round(atMs)} ms`;
    return wrongSum(where, recording, balances);
  });
}

function wrongSum(
  where: string,
  { accounts: { names, balance } }: Recording,
  balances: Readonly<Record<string, number>>,
): readonly string[] {
  const missing = names.filter((name) => balances[name] === undefined);
  if (missing.length > 0) return [`${where} lacks ${missing.join(', ')}`];
  const sum = names.reduce((total, name) => total + (balances[name] ?? 0), 0);
  const expected = names.length * balance;
  return sum === expected ? [] : [`the sum of all accounts on ${where} is ${sum}, not ${expected}`];
}

/** Finds two acknowledged transfers that both required an account to be at the same version. */
function changedTwice({ transfers }: Recording): readonly string[] {
  const by = new Map<string, string>();
  const findings: string[] = [];
  for (const { id, from, to, after, end } of transfers) {
    if (end !== 'acknowledged') continue;
    for (const name of [
      `${from} at ${formatVersion(after.from)}`,
      `${to} at ${formatVersion(after.to)}`,
    ]) {
      const other = by.get(name);
      if (other === undefined) by.set(name, id);
      else findings.push(`${other} and ${id} both changed ${name}`);
    }
  }
  return findings;
}

/** Finds transactions whose records do not follow each other. */
function torn({ watcher, changes }: WatchRecord): readonly string[] {
  return changes.flatMap(({ last, key, version }, index) => {
    const next = changes[index + 1];
    if (last || next === undefined || follows(next.version, version)) return [];
    const at = `${key} at ${formatVersion(version)}`;
    return [
      `${watcher} shows ${at} as part of a transaction, and then ${formatVersion(next.version)}`,
    ];
  });
}

function follows(next: Version, before: Version): boolean {
  return next.epoch === before.epoch && next.lsn === before.lsn + 1;
}

/** Replays the account changes of a watch. */
function replay(
  { watcher, changes }: WatchRecord,
  { transfers, accounts }: Recording,
): readonly string[] {
  const names = new Set(accounts.names);
  const byId = new Map(transfers.map((transfer) => [transfer.id, transfer]));
  const balances = new Map<string, number>();
  const findings: string[] = [];
  for (const group of transactions(changes)) {
    const own = group.filter(({ key }) => names.has(key));
    const [first, second] = own;
    if (first === undefined) continue;
    const { id } = parseAccount(first.value);
    const at = `${watcher} shows at ${formatVersion(first.version)}`;
    const transfer = byId.get(id);
    if (id === SETUP_ID) {
      if (own.length !== names.size) findings.push(`${at} ${own.length} of the accounts made`);
    } else if (transfer === undefined) {
      findings.push(`${at} a transfer ${id} that nobody began`);
    } else if (
      own.length !== 2 ||
      first.key !== transfer.from ||
      second?.key !== transfer.to ||
      parseAccount(second.value).id !== id
    ) {
      const keys = own.map(({ key }) => key).join(', ');
      findings.push(`${at} transfer ${id} as a transaction of ${keys}`);
    } else {
      const { from, to, amount } = transfer;
      const expected = [
        [first, (balances.get(from) ?? Number.NaN) - amount],
        [second, (balances.get(to) ?? Number.NaN) + amount],
      ] as const;
      for (const [change, balance] of expected) {
        const { balance: shown } = parseAccount(change.value);
        // A watch that began later does not know the earlier balance.
        if (Number.isNaN(balance) || shown === balance) continue;
        findings.push(`${at} transfer ${id}, and ${change.key} at ${shown}, not ${balance}`);
      }
    }
    for (const { key, value } of own) balances.set(key, parseAccount(value).balance);
  }
  return findings;
}

/** Groups changes by transaction; a transaction that is not shown to its end is left out. */
function* transactions(changes: readonly WatchChange[]): Generator<readonly WatchChange[]> {
  let group: WatchChange[] = [];
  for (const change of changes) {
    group.push(change);
    if (!change.last) continue;
    yield group;
    group = [];
  }
}
