/** Results of a load run, and their text form: pure arithmetic over one histogram and a few counters. */
import { createHistogram } from 'node:perf_hooks';
import type { RecordableHistogram } from 'node:perf_hooks';

/** Latencies of one run in milliseconds, of acknowledged writes only. */
export interface Latencies {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface BenchResult {
  readonly mode: 'closed loop' | 'fixed rate';
  readonly seconds: number;
  readonly acknowledged: number;
  readonly perSecond: number;
  readonly latencyMs: Latencies;
  /** Number of failed writes by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Number of writes that were due and had no free connection before the end of the run; fixed rate only. */
  readonly notSent: number;
}

/** Recorder of one run. */
export class BenchRecorder {
  readonly #latenciesNs: RecordableHistogram = createHistogram();
  readonly #errors = new Map<string, number>();
  #acknowledged = 0;

  /** Records one write. `startMs` is when the write should have begun, which for a late generator is before it did. */
  record(code: string, { startMs, endMs }: { readonly startMs: number; readonly endMs: number }) {
    if (code === 'OK') {
      this.#acknowledged += 1;
      this.#latenciesNs.record(Math.max(1, Math.round((endMs - startMs) * 1e6)));
    } else {
      this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
    }
  }

  result(run: Pick<BenchResult, 'mode' | 'seconds' | 'notSent'>): BenchResult {
    const histogram = this.#latenciesNs;
    const ms = (percentile: number): number =>
      this.#acknowledged === 0 ? 0 : histogram.percentile(percentile) / 1e6;
    return {
      ...run,
      acknowledged: this.#acknowledged,
      perSecond: run.seconds === 0 ? 0 : this.#acknowledged / run.seconds,
      latencyMs: {
        p50: ms(50),
        p90: ms(90),
        p99: ms(99),
        p999: ms(99.9),
        max: this.#acknowledged === 0 ? 0 : histogram.max / 1e6,
      },
      errors: Object.fromEntries([...this.#errors].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}

/** Returns when the write with this number is due, in milliseconds from the start of the run. */
export function intendedStartMs(index: number, ratePerSecond: number): number {
  return (index * 1_000) / ratePerSecond;
}

/** Facts about the cluster that define the meaning of an acknowledgement. */
export interface AckContext {
  readonly ack: string;
  readonly voters: number;
  readonly quorum: number;
}

/** Returns one sentence on the meaning of an acknowledged write of this run. */
export function ackMeaning({ ack, voters, quorum }: AckContext): string {
  const of = `${voters} ${voters === 1 ? 'voter' : 'voters'}`;
  if (ack === 'local') {
    return `ack local: an acknowledged write was fsynced on the leader, 1 of ${of}, and a failover may lose it`;
  }
  const disks = ack === 'all' ? voters : quorum;
  const spare = disks - 1;
  const survives =
    spare === 0 ? 'does not survive the loss of its disk' : `survives the loss of any ${spare}`;
  return `ack ${ack}: an acknowledged write was fsynced on ${disks} of ${of}, the leader among them, and ${survives}`;
}

/** Formats the result for display. */
export function formatBench(result: BenchResult, meaning: string): string {
  const { latencyMs: l, errors } = result;
  const failed = Object.entries(errors);
  const lines = [
    `${result.mode}, ${result.seconds.toFixed(1)} s: ${result.acknowledged} acknowledged, ${result.perSecond.toFixed(0)} per second`,
    `latency ms: p50 ${ms(l.p50)}  p90 ${ms(l.p90)}  p99 ${ms(l.p99)}  p99.9 ${ms(l.p999)}  max ${ms(l.max)}`,
    failed.length === 0
      ? 'no errors'
      : `errors: ${failed.map(([code, count]) => `${code} ${count}`).join(', ')}`,
    ...(result.notSent > 0
      ? [`${result.notSent} writes were due and not sent: too few connections for this rate`]
      : []),
    meaning,
  ];
  return `${lines.join('\n')}\n`;
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
