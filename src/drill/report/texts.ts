/** Figures for display. */
import { asExpected } from '../run/orders.ts';
import type { TimelineEvent } from '../recording/recording.ts';

/** Formats a duration with three digits: `45 ms`, `1.23 s`, `2 min 5 s`. */
export function durationText(ms: number): string {
  if (!Number.isFinite(ms)) return 'never';
  if (ms < 1 && ms > 0) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 59.95) return `${seconds < 9.995 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  return `${minutes} min ${Math.round(seconds) - 60 * minutes} s`;
}

/** Formats a time of the drill: `12.34 s`. */
export function momentText(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

/** Formats a whole number with thousands separators: `12,345`. */
export function countText(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** Formats a count with its noun: `1 write`, `2 writes`. */
export function countOf(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Shortens a text that is too long. */
export function shortened(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`;
}

/** Returns true if the answer is as the scenario expected; undefined if it expected nothing in particular. */
export function isAsWanted({
  expected: expect,
  expectedReason: reason,
  answer,
}: TimelineEvent): boolean | undefined {
  if (expect === undefined || expect === 'any' || answer === undefined) return undefined;
  return asExpected({ expect, reason }, answer);
}
