/**
 * Goal: the fork is where the logs stop being equal, or is not told at all.
 * Method: random pairs of logs with a common beginning; each side forgets what it may, and the follower sends only its last spans.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findFork } from '../../src/leader/find-fork.ts';
import type { HistoryEntry } from '../../src/protocol/messages.ts';
import { forget } from '../../src/wal/format/history-spans.ts';
import type { EpochEntry } from '../../src/wal/format/position.ts';

const whole = (epoch: number, firstLsn: number): EpochEntry => ({
  epoch,
  leader: `n${epoch % 3}`,
  firstLsn,
  historyId: 'a'.repeat(32),
  voters: ['n0'],
  quorum: 1,
});

/** Leaderships of 1 to 5 records; `parity` keeps those of two sides apart. */
function log(from: { epoch: number; lsn: number }, lengths: readonly number[], parity: number) {
  let { epoch, lsn } = from;
  const epochs = lengths.map((length) => {
    epoch += epoch % 2 === parity ? 2 : 1;
    const span = whole(epoch, lsn + 1);
    lsn += length;
    return span;
  });
  return { epochs, lastLsn: lsn };
}

const lengths = (minLength: number, maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength, maxLength });

test('the fork of two logs is told where it can be, and never another one', () => {
  fc.assert(
    fc.property(
      lengths(1, 20),
      lengths(0, 4),
      lengths(0, 4),
      fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
      fc.record({ ours: fc.nat(60), theirs: fc.nat(60), sent: fc.integer({ min: 1, max: 30 }) }),
      (common, ourTail, theirTail, needed, cut) => {
        const both = log({ epoch: 0, lsn: 0 }, common, 2);
        const end = { epoch: both.epochs.at(-1)?.epoch ?? 0, lsn: both.lastLsn };
        const ours = log(end, ourTail, 0);
        const theirs = log(end, theirTail, 1);
        const ourEpochs = [...both.epochs, ...ours.epochs];
        const theirEpochs = [...both.epochs, ...theirs.epochs];
        // Each has forgotten of what its log does not hold any more, which is committed.
        const prune = (epochs: readonly EpochEntry[], firstLsn: number): readonly HistoryEntry[] =>
          forget(epochs, (_, index) => {
            const last = (epochs[index + 1]?.firstLsn ?? Infinity) - 1;
            return last >= firstLsn - 1 || needed[index] === true;
          });
        // This log may have been purged behind the fork; the other one only of what both have.
        const ourFirst = 1 + (cut.ours % (ours.lastLsn + 1));
        const known = prune(theirEpochs, 1 + (cut.theirs % both.lastLsn));
        const sent = known.slice(-cut.sent);

        const fork = findFork(
          { epochs: prune(ourEpochs, ourFirst), lastLsn: ours.lastLsn, epochsBefore: 0 },
          { epochs: sent, lastLsn: theirs.lastLsn, epochsBefore: known.length - sent.length },
          false,
        );

        expect(fork.kind).not.toBe('contradiction');
        if (fork.kind === 'at') expect(fork.lsn).toBe(both.lastLsn);
        // Nothing stands in the way of going on where this log still holds the fork and the hello reaches back so far.
        if (cut.sent > theirTail.length && ourFirst <= both.lastLsn + 1) {
          expect(fork.kind).toBe('at');
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('one epoch that began twice is a contradiction, in whatever it lies behind', () => {
  const ours = [whole(1, 1), whole(2, 5), whole(4, 9)];
  const theirs = [whole(1, 1), whole(3, 5), whole(4, 9)];
  const known = (epochs: readonly HistoryEntry[]) => ({ epochs, lastLsn: 12, epochsBefore: 0 });

  expect(findFork(known(ours), known(theirs), false)).toMatchObject({ kind: 'contradiction' });
  expect(findFork(known(ours), known(theirs), true)).toEqual({ kind: 'at', lsn: 4 });
});

test('an epoch of which only the rest is known is the same leadership', () => {
  const rest = { epoch: 3, leader: null, firstLsn: 20 };
  const gap = { epoch: null, leader: null, firstLsn: 1 };
  const ours = { epochs: [gap, rest, whole(5, 40)], lastLsn: 50, epochsBefore: 0 };
  const theirs = { epochs: [whole(1, 1), whole(3, 10)], lastLsn: 30, epochsBefore: 0 };

  expect(findFork(ours, theirs, false)).toEqual({ kind: 'at', lsn: 30 });
});
