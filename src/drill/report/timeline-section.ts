/** Timeline: all rows over one time axis. */
import type { NodeSample, Recording } from '../recording/recording.ts';
import type { Verdict } from '../judge/verdict.ts';
import {
  axisRow,
  drawing,
  eventRow,
  latencyRow,
  outageRows,
  phaseRow,
  throughputRow,
} from './chart-rows.ts';
import { html, scriptJson } from './markup.ts';
import type { Markup } from './markup.ts';
import { lsnMax, nodeRows } from './node-row.ts';
import { samplesOf } from './node-spans.ts';
import { round, SPAN, timeScale } from './scale.ts';
import type { TimeScale } from './scale.ts';
import { writeSeries } from './series.ts';
import type { WriteSeries } from './series.ts';

/** Number of answers of one node that the readout shows. */
const HOVER_SAMPLES_MAX = 600;

/** Creates the chart with its legend, and the figures for hovering. */
export function timelineSection(recording: Recording, verdict: Verdict): Markup {
  const scale = timeScale(0, recording.phases.endMs);
  const series = writeSeries(recording, 0, scale.toMs);
  const nodes = nodeIdsOf(recording).map((nodeId) => ({
    nodeId,
    samples: samplesOf(recording, nodeId),
  }));
  const max = lsnMax(recording.samples);
  return html`<section>
    <h2>Timeline</h2>
    ${legend()}
    <div class="timeline">
      <div class="under">${drawing(underlay(recording, verdict, scale))}</div>
      ${axisRow(scale)} ${phaseRow(recording, scale)} ${eventRow(recording.timeline, scale)}
      ${outageRows(verdict, scale)} ${throughputRow(series, scale)} ${latencyRow(series, scale)}
      ${nodes.map((node) => nodeRows(node, { scale, max }))} ${axisRow(scale)}
      <div class="cursor" hidden></div>
    </div>
    <p class="readout" aria-live="off" hidden></p>
    <script type="application/json" id="figures">
      ${scriptJson(hoverData(series, nodes, scale))}
    </script>
  </section>`;
}

/** Returns the voters, and all other nodes that were asked. */
function nodeIdsOf({ voters, samples }: Recording): readonly string[] {
  return [...new Set([...voters, ...samples.map(({ nodeId }) => nodeId)])];
}

/** Draws outages of writes as shades, and all steps as lines, under all rows. */
function underlay(
  { timeline }: Recording,
  { outages }: Verdict,
  { x }: TimeScale,
): readonly Markup[] {
  const shades = outages.write.map(
    ({ fromMs, toMs }) =>
      html`<rect
        class="shade"
        x="${x(fromMs)}"
        y="0"
        width="${round(x(toMs) - x(fromMs))}"
        height="${SPAN}"
      />`,
  );
  const lines = timeline.map(
    ({ atMs, kind }) =>
      html`<line class="event ${kind}" x1="${x(atMs)}" x2="${x(atMs)}" y1="0" y2="${SPAN}" />`,
  );
  return [...shades, ...lines];
}

function legend(): Markup {
  const keys = [
    ['fault', 'fault'],
    ['heal', 'put right'],
    ['operator', 'operator'],
    ['shade', 'no write succeeded'],
    ['acknowledged', 'acknowledged'],
    ['rejected', 'rejected'],
    ['indeterminate', 'indeterminate'],
    ['p50', 'p50'],
    ['p99', 'p99'],
    ['leader', 'leader'],
    ['follower', 'follower'],
    ['candidate', 'candidate'],
    ['silent', 'no answer'],
    ['durable', 'durable'],
    ['committed', 'committed'],
    ['applied', 'applied'],
  ] as const;
  return html`<p class="legend">
    ${keys.map(([kind, text]) => html`<span class="key"><i class="${kind}"></i>${text}</span> `)}
  </p>`;
}

function hoverData(
  { bucketMs, buckets }: WriteSeries,
  nodes: readonly { readonly nodeId: string; readonly samples: readonly NodeSample[] }[],
  { fromMs, toMs }: TimeScale,
): object {
  return {
    fromMs,
    toMs,
    bucketMs,
    writes: buckets.map(({ counts, p50Ms, p99Ms }) => [
      ...[counts.acknowledged, counts.rejected, counts.indeterminate].map((count) =>
        round((count * 1_000) / bucketMs),
      ),
      ...[p50Ms, p99Ms].map((ms) => (ms === undefined ? null : round(ms))),
    ]),
    nodes: nodes.map(({ nodeId, samples }) => ({ nodeId, said: hoverSamples(samples) })),
  };
}

function hoverSamples(samples: readonly NodeSample[]): readonly (readonly (number | string)[])[] {
  const stride = Math.max(1, Math.ceil(samples.length / HOVER_SAMPLES_MAX));
  return samples
    .filter((_, index) => index % stride === 0)
    .map(({ atMs, tookMs, status }) => {
      if (status === undefined) return [Math.round(atMs - tookMs), 'no answer'];
      const { role, epoch, durable, committedLsn, applied } = status;
      return [Math.round(atMs), role, epoch, durable.lsn, committedLsn, applied.lsn];
    });
}
