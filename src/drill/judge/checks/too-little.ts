import { WRITES_MIN } from '../../recording/recording.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/** Number of linearizable reads, changes in watches, transfers, or reads of accounts below which they prove nothing. */
export const READS_MIN = 20;
export const CHANGES_MIN = 20;
export const TRANSFERS_MIN = 5;
export const ACCOUNT_READS_MIN = 5;

/** Checks that enough happened: a drill without load is not passed. */
export function checkTooLittle({ recording, operations }: Evidence): Check {
  const { faultsFromMs, healedMs } = recording.phases;
  const written = recording.setWrites.filter(({ end }) => end === 'acknowledged');
  const counts: readonly (readonly [what: string, count: number, min: number])[] = [
    [
      'writes acknowledged before the faults',
      written.filter(({ returnedAt }) => returnedAt < faultsFromMs).length,
      WRITES_MIN,
    ],
    [
      'writes acknowledged during the faults',
      written.filter(({ returnedAt }) => returnedAt >= faultsFromMs && returnedAt < healedMs)
        .length,
      WRITES_MIN,
    ],
    [
      'writes begun and acknowledged after healing',
      written.filter(({ calledAt }) => calledAt >= healedMs).length,
      WRITES_MIN,
    ],
    [
      'linearizable reads',
      operations.filter(({ request }) => request.kind === 'get').length,
      READS_MIN,
    ],
    ['local reads', recording.history.localReads.length, READS_MIN],
    [
      'changes in watches',
      Math.max(0, ...recording.watches.map(({ changes }) => changes.length)),
      CHANGES_MIN,
    ],
    [
      'transfers acknowledged',
      recording.transfers.filter(({ end }) => end === 'acknowledged').length,
      TRANSFERS_MIN,
    ],
    ['reads of all accounts', recording.accountReads.length, ACCOUNT_READS_MIN],
  ];
  const findings = counts
    .filter(([, count, min]) => count < min)
    .map(([what, count, min]) => `${what}: ${count}, at least ${min} are needed for a verdict`);
  return checkOf('TOO_LITTLE', 'enough happened for a verdict', {
    findings,
    looked: counts.map(([what, count]) => `${count} ${what}`).join(', '),
  });
}
