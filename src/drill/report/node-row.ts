/** Rows of one node over time: its role, and the ends of its log. */
import type { NodeSample } from '../recording/recording.ts';
import { drawing, gridOf, placed, row, yMark } from './chart-rows.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { lsnLines, roleSpans } from './node-spans.ts';
import type { LsnPoint, RoleSpan } from './node-spans.ts';
import { heightOf, ticks } from './scale.ts';
import type { TimeScale } from './scale.ts';
import { countText, momentText } from './texts.ts';

/** Returns the highest LSN of all nodes: their lines share one scale, so that a lag is visible. */
export function lsnMax(samples: readonly NodeSample[]): number {
  let max = 1;
  for (const { status } of samples) {
    if (status !== undefined) max = Math.max(max, status.durable.lsn, status.committedLsn);
  }
  return max;
}

/** Creates two rows: the role as a band, and the three lines. */
export function nodeRows(
  { nodeId, samples }: { nodeId: string; samples: readonly NodeSample[] },
  { scale, max }: { scale: TimeScale; max: number },
): readonly Markup[] {
  const bands = roleSpans(samples, scale.toMs).map((span) => roleBand(span, scale));
  const marks = ticks(max, 2);
  const heights = marks.map((lsn) => heightOf(lsn, max));
  const lines = lsnLines(samples);
  const paths = (['durable', 'committed', 'applied'] as const).map((kind) => {
    const d = lines.map((line) => pathOf(line, kind, { scale, max })).join('');
    return html`<path class="${kind}" d="${d}" />`;
  });
  const yMarks = marks.map((lsn, index) => yMark(heights[index] ?? 0, countText(lsn)));
  return [
    row(html`<b>${nodeId}</b>`, html`${bands}`, { heightPx: 26, kind: 'bands node' }),
    row(html`<small>LSN</small>${yMarks}`, drawing([...gridOf(heights), ...paths]), {
      heightPx: 78,
      kind: 'chart lsn',
    }),
  ];
}

function roleBand(span: RoleSpan, scale: TimeScale): Markup {
  const { fromMs, toMs, role, epoch, remark } = span;
  const what = role === 'silent' ? 'no answer' : `${role}, epoch ${epoch}`;
  const text = remark === undefined ? what : `${what} (${remark})`;
  const title = `${text}: ${momentText(fromMs)} to ${momentText(toMs)}`;
  return html`<span
    class="band ${role}${remark === undefined ? undefined : ' doubtful'}"
    style="${placed(scale, fromMs, toMs)}"
    title="${title}"
    >${text}</span
  >`;
}

/** Builds the path of a line in steps: between two answers a node was as in the first. */
function pathOf(
  line: readonly LsnPoint[],
  kind: 'durable' | 'committed' | 'applied',
  { scale, max }: { scale: TimeScale; max: number },
): string {
  let path = '';
  for (const [index, point] of line.entries()) {
    const [x, y] = [scale.x(point.atMs), heightOf(point[kind], max)];
    path += index === 0 ? `M${x} ${y}` : `L${x} ${y}`;
  }
  // A single answer is a dot.
  return line.length === 1 ? `${path}h1` : path;
}
