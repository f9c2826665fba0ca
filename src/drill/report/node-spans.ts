/** Statuses of one node over time, as intervals and lines. */
import type { NodeStatus } from '../../node/api/api.ts';
import type { NodeSample, Recording } from '../recording/recording.ts';

export type SpanRole = NodeStatus['role'] | 'silent';

/** An interval in which the role of a node did not change. */
export interface RoleSpan {
  readonly fromMs: number;
  readonly toMs: number;
  /** Role; `silent`: it did not answer. */
  readonly role: SpanRole;
  readonly epoch: number;
  /** Remark on its state, intact or not, and ready or not, if it answered. */
  readonly remark: string | undefined;
}

/** A point of the three lines. */
export interface LsnPoint {
  readonly atMs: number;
  readonly durable: number;
  readonly committed: number;
  readonly applied: number;
}

/** A reason that a node gave, with the first and the last time at which it was heard. */
export interface SaidReason {
  readonly code: string;
  readonly message: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly times: number;
}

/** Number of points of one line: enough for a wide screen. */
const POINTS_MAX = 500;

/** Returns the samples of one node in order of time. */
export function samplesOf({ samples }: Recording, nodeId: string): readonly NodeSample[] {
  return samples.filter((sample) => sample.nodeId === nodeId).toSorted((a, b) => a.atMs - b.atMs);
}

/**
 * Returns role, epoch and state from sample to sample; each holds until the next question with another answer, or
 * none.
 */
export function roleSpans(samples: readonly NodeSample[], toMs: number): readonly RoleSpan[] {
  const spans: RoleSpan[] = [];
  for (const [index, sample] of samples.entries()) {
    const next = samples[index + 1];
    const fromMs = spans.at(-1)?.toMs ?? sample.atMs;
    // A silent node was already silent when it was asked.
    const endMs = next === undefined ? toMs : momentOf(next);
    const span = { fromMs, toMs: Math.max(fromMs, endMs), ...lookOf(sample) };
    const last = spans.at(-1);
    if (last !== undefined && isSame(last, span)) {
      spans[spans.length - 1] = { ...last, toMs: span.toMs };
    } else {
      spans.push(span);
    }
  }
  return spans;
}

/** Returns the lines, in pieces: each ends where the node did not answer. At most about POINTS_MAX points together. */
export function lsnLines(samples: readonly NodeSample[]): readonly (readonly LsnPoint[])[] {
  const stride = Math.max(1, Math.ceil(samples.length / POINTS_MAX));
  const lines: LsnPoint[][] = [];
  let line: LsnPoint[] = [];
  for (const [index, { atMs, status }] of samples.entries()) {
    if (status === undefined) {
      if (line.length > 0) lines.push(line);
      line = [];
      continue;
    }
    const isEnd = samples[index + 1]?.status === undefined;
    if (index % stride !== 0 && line.length > 0 && !isEnd) continue;
    const { durable, committedLsn, applied } = status;
    line.push({ atMs, durable: durable.lsn, committed: committedLsn, applied: applied.lsn });
  }
  if (line.length > 0) lines.push(line);
  return lines;
}

/** Returns the node's own reasons for waits, unreadiness and warnings: each once, in order of its first appearance. */
export function saidReasons(samples: readonly NodeSample[]): readonly SaidReason[] {
  const reasons = new Map<string, SaidReason>();
  for (const { atMs, status } of samples) {
    if (status === undefined) continue;
    const { notReady, why, warnings } = status;
    const all = [...(notReady === null ? [] : [notReady]), ...why, ...warnings];
    // A reason may be in two of the lists.
    const said = new Map(
      all.map((reason) => [`${reason.code} ${withoutFigures(reason.message)}`, reason]),
    );
    for (const [key, { code, message }] of said) {
      const before = reasons.get(key);
      reasons.set(key, {
        code,
        message,
        fromMs: before?.fromMs ?? atMs,
        toMs: atMs,
        times: (before?.times ?? 0) + 1,
      });
    }
  }
  return [...reasons.values()];
}

/**
 * Returns a reason without its figures: a reason whose figures change is the same reason; the last figures are shown.
 */
function withoutFigures(message: string): string {
  return message.replaceAll(/(?<![A-Za-z])\d[\d.,]*/g, '#');
}

function momentOf({ atMs, tookMs, status }: NodeSample): number {
  return status === undefined ? atMs - tookMs : atMs;
}

function lookOf({ status }: NodeSample): Pick<RoleSpan, 'role' | 'epoch' | 'remark'> {
  if (status === undefined) return { role: 'silent', epoch: 0, remark: undefined };
  const { role, epoch, state, notReady } = status;
  const remarks = [
    ...(state === 'intact' ? [] : [state]),
    ...(notReady === null ? [] : [`not ready: ${notReady.code}`]),
  ];
  return { role, epoch, remark: remarks.length === 0 ? undefined : remarks.join(', ') };
}

function isSame(a: RoleSpan, b: RoleSpan): boolean {
  return a.role === b.role && a.epoch === b.epoch && a.remark === b.remark;
}
