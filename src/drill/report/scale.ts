/**
 * Scales from times and values to places in a chart. Places are counted in thousandths of its width and height,
 * whatever these are on the screen.
 */

/** Width and height of every chart in its own units. */
export const SPAN = 1_000;

/** Shared time axis. */
export interface TimeScale {
  readonly fromMs: number;
  readonly toMs: number;
  /** Returns the place of a time, within the chart. */
  readonly x: (ms: number) => number;
}

/** Creates a scale for all times of a drill. */
export function timeScale(fromMs: number, toMs: number): TimeScale {
  const length = Math.max(1, toMs - fromMs);
  const x = (ms: number): number =>
    round((Math.min(Math.max(ms, fromMs), fromMs + length) - fromMs) / (length / SPAN));
  return { fromMs, toMs: fromMs + length, x };
}

/** Returns round values from 0 up to `max`, about `count` of them. */
export function ticks(max: number, count: number): readonly number[] {
  const step = niceStep(max / count);
  const values: number[] = [];
  for (let index = 0; index * step <= max * (1 + 1e-9); index += 1) {
    values.push(Number((index * step).toPrecision(12)));
  }
  return values;
}

/** Returns the smallest of 1, 2, 5 times a power of ten that is not less than `wanted`. */
export function niceStep(wanted: number): number {
  if (!(wanted > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 5, 10].find((nice) => nice * power >= wanted * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Returns the height of a value in a chart from 0 (at the bottom) to `max`. */
export function heightOf(value: number, max: number): number {
  return round(SPAN - (Math.min(Math.max(value, 0), max) / Math.max(max, Number.MIN_VALUE)) * SPAN);
}

/** Returns the height on a logarithmic scale. */
export function logHeightOf(value: number, { min, max }: { min: number; max: number }): number {
  const share = Math.log10(Math.max(value, min) / min) / Math.log10(max / min);
  return round(SPAN - Math.min(share, 1) * SPAN);
}

/** Rounds to two decimals, which is less than a pixel. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
