/** Observations of clients, in intervals of equal length. */
import type { Recording, WriteEnd } from '../recording/recording.ts';
import { niceStep } from './scale.ts';

/** A write of any kind. */
interface Write {
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly end: WriteEnd;
}

export interface Bucket {
  readonly fromMs: number;
  readonly counts: Readonly<Record<WriteEnd, number>>;
  /** Latencies of acknowledged writes, by the time of their answers; undefined without any. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

export interface WriteSeries {
  readonly bucketMs: number;
  readonly buckets: readonly Bucket[];
}

/** Number of bars above which they cannot be told apart. */
const BUCKETS_MAX = 240;
/** Length in milliseconds below which a bar holds too few writes to be meaningful. */
const BUCKET_MS_MIN = 100;

/** Groups writes of all kinds by the times of their answers; the last interval ends at or after `toMs`. */
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

/** Yields all writes: of the set, of registers, and transfers. A failed condition is an answer and no write. */
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

/** Returns the smallest of the sorted values that is not exceeded by `share` of them. */
export function percentile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
