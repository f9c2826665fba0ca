import type { Recording } from '../recording/recording.ts';
import type { Outage, Verdict } from './verdict.ts';

/** Ordinary pause between two successes in milliseconds: a busy machine causes pauses of this length. */
export const PAUSE_MS_MAX = 300;

/** Returns the intervals without any success under load. */
export function outagesOf(recording: Recording): Verdict['outages'] {
  const { setWrites, readProbes, history, phases } = recording;
  const fromMs = Math.min(...setWrites.map(({ calledAt }) => calledAt), phases.loadEndMs);
  const during = { fromMs, toMs: phases.loadEndMs };
  const successes = (level: 'local' | 'linearizable'): readonly number[] =>
    readProbes.flatMap((probe) => (probe.ok && probe.level === level ? [probe.returnedAt] : []));
  return {
    write: outagesBetween(
      setWrites.flatMap(({ end, returnedAt }) => (end === 'acknowledged' ? [returnedAt] : [])),
      during,
    ),
    linearizableRead: outagesBetween(
      [
        ...successes('linearizable'),
        ...history.operations.flatMap(({ request, returnedAt }) =>
          request.kind === 'get' ? [returnedAt] : [],
        ),
      ],
      during,
    ),
    localRead: outagesBetween(successes('local'), during),
  };
}

/** Returns the intervals in which nothing succeeded for longer than the ordinary pause. */
export function outagesBetween(
  successes: readonly number[],
  { fromMs, toMs }: Outage,
): readonly Outage[] {
  const moments = successes.filter((atMs) => atMs >= fromMs && atMs <= toMs);
  const outages: Outage[] = [];
  let last = fromMs;
  for (const atMs of [...moments.toSorted((a, b) => a - b), toMs]) {
    if (atMs - last > PAUSE_MS_MAX) outages.push({ fromMs: last, toMs: atMs });
    last = atMs;
  }
  return outages;
}

export function longestMs(outages: readonly Outage[]): number {
  return Math.max(0, ...outages.map(({ fromMs, toMs }) => toMs - fromMs));
}
