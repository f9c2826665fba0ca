import { History } from '../../check/history.ts';
import type { Recording } from '../recording/recording.ts';
import type { Verdict } from './verdict.ts';

/**
 * Formats a recording and its verdict as one JSON text: maps as objects, times of calls that never returned as null.
 */
export function toJson(recording: Recording, verdict: Verdict): string {
  return `${JSON.stringify({ verdict, recording }, plain)}\n`;
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof History) {
    return { operations: value.operations, localReads: value.localReads };
  }
  return value;
}
