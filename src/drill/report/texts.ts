/** Figures as people read them. */
import { asExpected } from '../run/orders.ts';
import type { TimelineEvent } from '../recording/recording.ts';

/** A stretch of time to three digits: `45 ms`, `1.23 s`, `2 min 5 s`. */
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

/** A moment of the drill: `12.34 s`. */
export function momentText(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

/** A whole number with its thousands apart: `12,345`. */
export function countText(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 write`, `2 writes`. */
export function countOf(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** The beginning of a text that is too long. */
export function shortened(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`;
}

/** Whether an answer is what the scenario wanted; undefined where it wanted nothing in particular. */
export function isAsWanted({
  expected: expect,
  expectedReason: reason,
  answer,
}: TimelineEvent): boolean | undefined {
  if (expect === undefined || expect === 'any' || answer === undefined) return undefined;
  return asExpected({ expect, reason }, answer);
}
