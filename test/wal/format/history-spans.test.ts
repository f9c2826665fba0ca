/**
 * Goal: of a history only what nobody can ask for is forgotten, and what is left says the truth, or that it does not know.
 * Method: random histories and random needs, compared with the whole history.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { forget, joinSpans, spanAt } from '../../../src/wal/format/history-spans.ts';
import type { EpochSpan } from '../../../src/wal/format/history-spans.ts';
import { LogHistory } from '../../../src/wal/log-history.ts';
import type { EpochEntry } from '../../../src/wal/format/position.ts';
import { HISTORY_ID } from '../fixture.ts';

const CLUSTER_ID = 'c'.repeat(32);
const entry = (epoch: number, firstLsn: number): EpochEntry => ({
  epoch,
  leader: `n${epoch % 3}`,
  firstLsn,
  historyId: HISTORY_ID,
  voters: ['n0', 'n1', 'n2'],
  quorum: 2,
});
const history = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 })), {
    minLength: 1,
    maxLength: 30,
  })
  .map((steps) => {
    let [epoch, firstLsn] = [0, 1];
    return steps.map(([epochs, lsns]) => {
      epoch += epochs;
      const span = entry(epoch, firstLsn);
      firstLsn += lsns;
      return span;
    });
  });
const epochAt = (spans: readonly EpochSpan[], lsn: number): number | null =>
  spanAt(spans, lsn)?.epoch ?? null;
const endOf = (spans: readonly EpochSpan[]): number => (spans.at(-1)?.firstLsn ?? 0) + 5;

test('what is kept says what it said, what is forgotten says so, and no two neighbours are forgotten', () => {
  fc.assert(
    fc.property(history, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (all, need) => {
      const kept = forget(all, (_, index) => need[index] === true);
      for (let lsn = 1; lsn <= endOf(all); lsn += 1) {
        const index = all.findLastIndex(({ firstLsn }) => firstLsn <= lsn);
        const isKept = need[index] === true || index === all.length - 1;
        expect(epochAt(kept, lsn)).toBe(isKept ? epochAt(all, lsn) : null);
      }
      kept.forEach((span, index) => {
        expect(span.epoch === null && kept[index + 1]?.epoch === null).toBe(false);
      });
      expect(kept.at(-1)).toEqual(all.at(-1));
    }),
  );
});

test('a log that goes on from a snapshot knows the epoch of every record that it holds, and of every key', () => {
  fc.assert(
    fc.property(history, fc.array(fc.nat(200)), fc.nat(200), fc.nat(200), (all, keys, a, b) => {
      const end = endOf(all);
      const startLsn = 1 + (Math.max(a, b) % end);
      const firstLsn = 1 + (Math.min(a, b) % startLsn);
      const named = keys.map((lsn) => 1 + (lsn % startLsn));
      const upTo = all.filter((span) => span.firstLsn <= startLsn);
      const base = forget(upTo, (_, index) =>
        named.some((lsn) => upTo.findLastIndex((span) => span.firstLsn <= lsn) === index),
      );
      const own = all.filter((span) => span.firstLsn >= firstLsn);
      const before = { lsn: firstLsn - 1, epoch: epochAt(all, firstLsn - 1) ?? 0 };

      const joined = joinSpans(base, own, before);

      for (const lsn of named) expect(epochAt(joined, lsn)).toBe(epochAt(all, lsn));
      for (let lsn = Math.max(1, firstLsn - 1); lsn <= end; lsn += 1) {
        expect(epochAt(joined, lsn)).toBe(epochAt(all, lsn));
      }
      joined.forEach((span, index) => {
        expect(span.firstLsn).toBeGreaterThan(joined[index - 1]?.firstLsn ?? 0);
      });
      // And nothing that it says is untrue.
      for (let lsn = 1; lsn <= end; lsn += 1) {
        expect([null, epochAt(all, lsn)]).toContain(epochAt(joined, lsn));
      }
    }),
    { numRuns: 300 },
  );
});

test('a history of 100,000 leaderships is as long as what the log holds and the keys name', () => {
  const all = Array.from({ length: 100_000 }, (_, index) => entry(index + 1, 2 * index + 1));
  let begins = { lsn: 0, epoch: 0 };
  const known = new LogHistory({ epochs: all, knownCommitLsn: 0 }, { start: () => begins });
  const start = { lsn: 199_998, epoch: 99_999, chain: 0 };
  const epochs = forget(
    all.filter(({ firstLsn }) => firstLsn <= start.lsn),
    (span) => span.epoch === 7,
  );

  known.rebase({ clusterId: CLUSTER_ID, start, endLsn: start.lsn, epochs });
  expect(known.spans).toHaveLength(100_000);
  begins = { lsn: 199_990, epoch: 99_995 };
  known.purged();

  expect(known.spans.length).toBeLessThan(10);
  expect(known.epochAt(14)).toBe(7);
  expect(known.epochAt(15)).toBe(0);
  expect(known.epochAt(199_990)).toBe(99_995);
  expect(known.newest).toEqual(all.at(-1));
});
