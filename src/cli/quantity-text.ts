/** Sizes and times for display. JSON has the exact figures. */
import { KiB, MiB } from '../ports/units.ts';

const GiB = 1_024 * MiB;

/** Formats bytes in the largest unit of which there is at least one: `1.5 MiB`. */
export function sizeText(bytes: number): string {
  if (bytes < KiB) return `${bytes} bytes`;
  if (bytes < MiB) return `${(bytes / KiB).toFixed(1)} KiB`;
  return bytes < GiB ? `${(bytes / MiB).toFixed(1)} MiB` : `${(bytes / GiB).toFixed(1)} GiB`;
}

/** Formats seconds in a unit of which there are at least two: `90 s`, `25 min`, `21 h`, `12 days`. */
export function roughDurationText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
