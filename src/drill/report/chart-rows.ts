/** Rows of the timeline about clients and the drill itself. */
import type { Recording, TimelineEvent } from '../recording/recording.ts';
import type { Outage, Verdict } from '../judge/verdict.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { heightOf, logHeightOf, round, SPAN, ticks } from './scale.ts';
import type { TimeScale } from './scale.ts';
import type { Bucket, WriteSeries } from './series.ts';
import { countText, durationText, isAsWanted, momentText, shortened } from './texts.ts';

/** Creates a row: a name with marks at the left, and content over the time axis. */
export function row(
  name: Markup,
  plot: Markup,
  { heightPx, kind }: { heightPx: number; kind: string },
): Markup {
  return html`<div class="row ${kind}" style="height:${heightPx}px">
    <div class="name">${name}</div>
    <div class="plot">${plot}</div>
  </div>`;
}

/** Creates a drawing over the whole plot, in thousandths of its width and height. */
export function drawing(content: Markup | readonly Markup[]): Markup {
  return html`<svg viewBox="0 0 ${SPAN} ${SPAN}" preserveAspectRatio="none" aria-hidden="true">
    ${content}
  </svg>`;
}

/** Returns the style that places an interval in a plot. */
export function placed({ x }: TimeScale, fromMs: number, toMs: number): string {
  return `left:${round(x(fromMs) / 10)}%;width:${round((x(toMs) - x(fromMs)) / 10)}%`;
}

/** Creates the axis: seconds since the drill began. */
export function axisRow(scale: TimeScale): Markup {
  const marks = ticks(scale.toMs / 1_000, 10).filter((seconds) => seconds * 1_000 >= scale.fromMs);
  const labels = marks.map((seconds) => {
    const at = scale.x(seconds * 1_000) / 10;
    // A label at the right end is aligned to the left, as there is no space on the right.
    return html`<span class="${at > 97 ? 'tick end' : 'tick'}" style="left:${round(at)}%"
      >${seconds} s</span
    >`;
  });
  return row(html``, html`${labels}`, { heightPx: 20, kind: 'axis' });
}

/** Creates the row of the phases of the drill. */
export function phaseRow({ phases }: Recording, scale: TimeScale): Markup {
  const { faultsFromMs, healedMs, convergedMs, endMs } = phases;
  const equalMs = convergedMs ?? endMs;
  const stretches = [
    ['calm', 'before', scale.fromMs, faultsFromMs],
    ['faulty', 'faults', faultsFromMs, healedMs],
    [
      'healing',
      convergedMs === undefined ? 'healed, never all equal' : 'healed',
      healedMs,
      equalMs,
    ],
    ['equal', 'all nodes equal', equalMs, endMs],
  ] as const;
  const bands = stretches
    .filter(([, , fromMs, toMs]) => toMs > fromMs)
    .map(
      ([kind, text, fromMs, toMs]) =>
        html`<span
          class="band ${kind}"
          style="${placed(scale, fromMs, toMs)}"
          title="${`${text}: ${momentText(fromMs)} to ${momentText(toMs)}`}"
          >${text}</span
        >`,
    );
  return row(html`<b>Phase</b>`, html`${bands}`, { heightPx: 24, kind: 'bands' });
}

const LABEL_CHARACTERS_MAX = 44;
/** Width of a character on a narrow screen, in units of the plot. */
const CHARACTER_SPAN = 9.6;
const LANE_PX = 19;

/** Creates the row of faults, healing and operators, in words, in as many lanes as they need. */
export function eventRow(events: readonly TimelineEvent[], scale: TimeScale): Markup {
  const ends: number[] = [];
  const labels = events.map((event) => {
    const text = shortened(event.text, LABEL_CHARACTERS_MAX) + outcomeMark(event);
    const at = scale.x(event.atMs);
    const length = (text.length + 3) * CHARACTER_SPAN;
    const isTurned = at + length > SPAN;
    const start = isTurned ? at - length : at;
    let lane = ends.findIndex((end) => end <= start);
    if (lane < 0) lane = ends.push(0) - 1;
    ends[lane] = isTurned ? at + CHARACTER_SPAN : at + length;
    const side = isTurned ? `right:${round(100 - at / 10)}%` : `left:${round(at / 10)}%`;
    return html`<span
      class="event ${event.kind}${isTurned ? ' turned' : undefined}"
      style="${side};top:${lane * LANE_PX}px"
      title="${eventTitle(event)}"
      >${text}</span
    >`;
  });
  const heightPx = Math.max(1, ends.length) * LANE_PX + 6;
  return row(html`<b>What was done</b>`, html`${labels}`, { heightPx, kind: 'events' });
}

/** Returns the mark of a step that was refused, or did not have the expected result. */
function outcomeMark(event: TimelineEvent): string {
  const { answer } = event;
  if (answer === undefined) return '';
  if (isAsWanted(event) === false) return ' ✗';
  return answer.ok ? '' : ' (refused)';
}

function eventTitle({ atMs, text, answer }: TimelineEvent): string {
  const said =
    answer === undefined
      ? ''
      : ` — ${answer.code ?? (answer.ok ? 'done' : 'failed')}: ${answer.text}`;
  return `${momentText(atMs)} ${text}${said}`;
}

/**
 * Creates the row of answers to writes per second, one bar for each bucket: acknowledged below, then rejected, then
 * indeterminate.
 */
export function throughputRow({ buckets, bucketMs }: WriteSeries, scale: TimeScale): Markup {
  const perSecond = 1_000 / bucketMs;
  const max = Math.max(1, ...buckets.map(({ counts }) => sumOf(counts) * perSecond));
  const bars = buckets.flatMap(({ fromMs, counts }) => {
    let below = 0;
    return (['acknowledged', 'rejected', 'indeterminate'] as const).flatMap((end) => {
      if (counts[end] === 0) return [];
      const bottom = heightOf(below, max);
      below += counts[end] * perSecond;
      const top = heightOf(below, max);
      const [left, right] = [scale.x(fromMs), scale.x(fromMs + bucketMs)];
      return [
        html`<rect
          class="${end}"
          x="${left}"
          y="${top}"
          width="${round(right - left)}"
          height="${round(bottom - top)}"
        />`,
      ];
    });
  });
  const marks = ticks(max, 3).map((value) => yMark(heightOf(value, max), countText(value)));
  const name = html`<b>Writes</b><small>per second</small>${marks}`;
  return row(
    name,
    drawing([...gridOf(ticks(max, 3).map((value) => heightOf(value, max))), ...bars]),
    { heightPx: 110, kind: 'chart' },
  );
}

function sumOf(counts: Bucket['counts']): number {
  return counts.acknowledged + counts.rejected + counts.indeterminate;
}

/** Creates the row of latencies of acknowledged writes, by the time of acknowledgement, on a logarithmic axis. */
export function latencyRow({ buckets, bucketMs }: WriteSeries, scale: TimeScale): Markup {
  const values = buckets.flatMap(({ p50Ms, p99Ms }) => [p50Ms ?? [], p99Ms ?? []].flat());
  const min = 10 ** Math.floor(Math.log10(Math.max(0.1, Math.min(1, ...values))));
  const max = 10 ** Math.ceil(Math.log10(Math.max(10 * min, ...values)));
  const powers: number[] = [];
  for (let value = min; value <= max * 1.001; value *= 10) powers.push(value);
  const y = (value: number): number => logHeightOf(value, { min, max });
  const lineOf = (kind: 'p50Ms' | 'p99Ms'): Markup => {
    let path = '';
    let isDown = false;
    for (const bucket of buckets) {
      const value = bucket[kind];
      const [left, right] = [scale.x(bucket.fromMs), scale.x(bucket.fromMs + bucketMs)];
      if (value !== undefined) path += `${isDown ? 'L' : 'M'}${left} ${y(value)}H${right}`;
      isDown = value !== undefined;
    }
    return html`<path class="${kind === 'p50Ms' ? 'p50' : 'p99'}" d="${path}" />`;
  };
  const marks = powers.map((value) => yMark(y(value), durationText(value)));
  const name = html`<b>Latency</b><small>p50, p99</small>${marks}`;
  return row(name, drawing([...gridOf(powers.map(y)), lineOf('p99Ms'), lineOf('p50Ms')]), {
    heightPx: 110,
    kind: 'chart',
  });
}

/** Creates the rows of the clients' outages. */
export function outageRows({ outages }: Verdict, scale: TimeScale): readonly Markup[] {
  const kinds = [
    ['write', 'Writes out', outages.write],
    ['linearizable', 'Lin. reads out', outages.linearizableRead],
    ['local', 'Local reads out', outages.localRead],
  ] as const;
  return kinds.map(([kind, text, list]) =>
    row(html`<b>${text}</b>`, html`${list.map((outage) => outageBand(outage, kind, scale))}`, {
      heightPx: 22,
      kind: 'bands',
    }),
  );
}

function outageBand({ fromMs, toMs }: Outage, kind: string, scale: TimeScale): Markup {
  const text = durationText(toMs - fromMs);
  const title = `${text}, from ${momentText(fromMs)} to ${momentText(toMs)}`;
  const at = scale.x(toMs) / 10;
  const side = at > 90 ? `right:${round(100 - scale.x(fromMs) / 10)}%` : `left:${round(at)}%`;
  return html`<span
      class="out ${kind}"
      style="${placed(scale, fromMs, toMs)}"
      title="${title}"
    ></span
    ><span class="outText" style="${side}">${text}</span>`;
}

/** Creates a mark of the vertical axis, in the name of the row. */
export function yMark(height: number, text: string): Markup {
  return html`<span class="mark" style="top:${round(height / 10)}%">${text}</span>`;
}

/** Creates horizontal lines. */
export function gridOf(heights: readonly number[]): readonly Markup[] {
  return heights.map(
    (height) => html`<line class="grid" x1="0" x2="${SPAN}" y1="${height}" y2="${height}" />`,
  );
}
