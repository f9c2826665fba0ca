/** What clients saw, by stretches of equal length. */
import type { Recording, WriteEnd } from '../recording/recording.ts';
import { niceStep } from './scale.ts';

/** A write of whatever kind. */
interface Write {
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly end: WriteEnd;
}

export interface Bucket {
  readonly fromMs: number;
  readonly counts: Readonly<Record<WriteEnd, number>>;
  /** Of acknowledged writes, by when they were answered; undefined where there was none. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

export interface WriteSeries {
  readonly bucketMs: number;
  readonly buckets: readonly Bucket[];
}

/** More bars than this cannot be told apart. */
const BUCKETS_MAX = 240;
/** Below this a bar holds too few writes to say anything. */
const BUCKET_MS_MIN = 100;

/** Writes of all kinds by the moment at which they were answered; the last stretch ends at or behind `toMs`. */
export function writeSeries(recording: Recording, fromMs: number, toMs: number): WriteSeries {
  const bucketMs = Math.max(BUCKET_MS_MIN, niceStep((toMs - fromMs) / BUCKETS_MAX));
  const count = Math.max(1, Math.ceil((toMs - fromMs) / bucketMs));
  const found = Array.from({ length: count }, (): Write[] => []);
  for (const write of writesOf(recording)) {
    const index = Math.floor((write.returnedAt - fromMs) / bucketMs);
    found[index]?.push(write);
  }
  const buckets = found.map((writes, index) => bucketOf(fromMs + index * bucketMs, writes));
  return { bucketMs, buckets };
}

/** All writes: of the set, of registers, and transfers. A condition that did not hold is an answer and no write. */
function* writesOf({ setWrites, transfers, history }: Recording): Generator<Write> {
  yield* setWrites;
  yield* transfers;
  for (const { calledAt, returnedAt, request, outcome } of history.operations) {
    const isWrite = request.kind === 'put' || request.kind === 'delete';
    if (!isWrite || outcome.kind === 'condition-failed' || outcome.kind === 'shown') continue;
    yield { calledAt, returnedAt, end: outcome.kind };
  }
}

function bucketOf(fromMs: number, writes: readonly Write[]): Bucket {
  const counts = { acknowledged: 0, rejected: 0, indeterminate: 0 };
  const times: number[] = [];
  for (const { calledAt, returnedAt, end } of writes) {
    counts[end] += 1;
    if (end === 'acknowledged') times.push(returnedAt - calledAt);
  }
  times.sort((a, b) => a - b);
  return { fromMs, counts, p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}

/** The smallest of the sorted values that is not exceeded by `share` of them. */
export function percentile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
