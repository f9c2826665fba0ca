/** Tables of the steps with their results, and of the reports of each node. */
import type { FinalState, Recording, SavedEntry, TimelineEvent } from '../recording/recording.ts';
import type { Verdict } from '../judge/verdict.ts';
import { formatVersion } from '../../wal/format/position.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { samplesOf, saidReasons } from './node-spans.ts';
import type { SaidReason } from './node-spans.ts';
import { countOf, countText, isAsWanted, momentText, shortened } from './texts.ts';

/** Number of events of one node; the newest are shown. */
const EVENTS_SHOWN_MAX = 200;
const MESSAGE_CHARACTERS_MAX = 600;
const OUTPUT_CHARACTERS_MAX = 6_000;
const DIFFERENCES_SHOWN_MAX = 50;

/** Creates the table of all steps of the drill with their results. */
export function doneSection({ timeline }: Recording): Markup {
  return html`<section>
    <h2>What was done, and what came of it</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>When</th>
            <th>What</th>
            <th>Expected</th>
            <th>Result</th>
          </tr>
        </thead>
        <tbody>
          ${timeline.map(doneRow)}
        </tbody>
      </table>
    </div>
  </section>`;
}

function doneRow(event: TimelineEvent): Markup {
  const { atMs, kind, text, expected, expectedReason, answer } = event;
  const wanted = expectedReason === undefined ? expected : `${expected}: ${expectedReason}`;
  return html`<tr>
    <td class="when">${momentText(atMs)}</td>
    <td><i class="dot ${kind}"></i>${text}</td>
    <td>${wanted}</td>
    <td>${answer === undefined ? undefined : answerText(answer, isAsWanted(event))}</td>
  </tr>`;
}

function answerText(
  { ok, code, text }: NonNullable<TimelineEvent['answer']>,
  wanted: boolean | undefined,
): Markup {
  const kind = wanted === undefined ? 'neutral' : wanted ? 'ok' : 'refused';
  const shown = code === undefined ? undefined : html`<code>${code}</code> `;
  const mark = wanted === false ? ' ✗' : undefined;
  return html`<b class="${kind}">${ok ? 'done' : 'refused'}${mark}</b> ${shown}${long(text)}`;
}

/** Creates the reports, one part for each node. */
export function saidSection(recording: Recording): Markup {
  const parts = recording.finals.map((final) => nodePart(recording, final));
  const differences = recording.logDifferences.slice(0, DIFFERENCES_SHOWN_MAX);
  const logs =
    differences.length === 0
      ? undefined
      : html`<h3>Where the logs differ</h3>
          <ul>
            ${differences.map((text) => html`<li>${long(text)}</li>`)}
          </ul>`;
  return html`<section>
    <h2>What each node said, and why</h2>
    ${logs}${parts}
  </section>`;
}

function nodePart(recording: Recording, final: FinalState): Markup {
  const { nodeId, saved, output } = final;
  const samples = samplesOf(recording, nodeId);
  const reasons = saidReasons(samples);
  const unanswered = samples.filter(({ status }) => status === undefined).length;
  const [events, left] = eventsOf(final, recording.startedAt);
  const silence =
    unanswered === 0
      ? undefined
      : html`<p>
          It did not answer ${countText(unanswered)} of ${countOf(samples.length, 'question')}.
        </p>`;
  const printed =
    output.trim() === ''
      ? undefined
      : html`<details>
          <summary>The last that it printed</summary>
          <pre>${output.slice(-OUTPUT_CHARACTERS_MAX)}</pre>
        </details>`;
  return html`<details open>
    <summary><b>${nodeId}</b> ${endText(final)}</summary>
    ${silence}${reasonTable(reasons)}${eventTable(events, left)}${savedTable(saved ?? [])}${printed}
  </details>`;
}

function endText({ status, entries }: FinalState): string {
  if (status === undefined) return 'did not answer in the end';
  const { role, epoch, durable, committedLsn, applied } = status;
  const keys = entries === undefined ? '' : `, ${countOf(entries.size, 'key')}`;
  return `ended as ${role} of epoch ${epoch}: durable ${countText(durable.lsn)}, committed ${countText(committedLsn)}, applied ${countText(applied.lsn)}${keys}`;
}

function reasonTable(reasons: readonly SaidReason[]): Markup | undefined {
  if (reasons.length === 0) return undefined;
  const rows = reasons.map(
    ({ code, message, fromMs, toMs }) =>
      html`<tr>
        <td class="when">
          ${momentText(fromMs)}${toMs > fromMs ? ` – ${momentText(toMs)}` : undefined}
        </td>
        <td><code>${code}</code></td>
        <td>${long(message)}</td>
      </tr>`,
  );
  return html`<h3>Why it waited, refused or warned</h3>
    ${tableOf(rows)}`;
}

function tableOf(rows: readonly Markup[]): Markup {
  return html`<div class="scroll">
    <table class="said">
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

interface SaidEvent {
  readonly atMs: number | undefined;
  readonly level: string;
  readonly code: string;
  readonly message: string;
  readonly times: number;
}

/** Returns the node's own events by its own clock; they start over with each run of the process. */
function eventsOf({ events }: FinalState, startedAt: number): [readonly SaidEvent[], number] {
  const all = events.map((event) => eventOf(event, startedAt));
  return [all.slice(-EVENTS_SHOWN_MAX), Math.max(0, all.length - EVENTS_SHOWN_MAX)];
}

function eventOf(event: unknown, startedAt: number): SaidEvent {
  const fields: Readonly<Record<string, unknown>> =
    typeof event === 'object' && event !== null ? { ...event } : { message: event };
  const { timeMs, level, code, message, times } = fields;
  return {
    atMs: typeof timeMs === 'number' ? timeMs - startedAt : undefined,
    level: textOf(level),
    code: textOf(code),
    message: textOf(message),
    times: typeof times === 'number' ? times : 1,
  };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function eventTable(events: readonly SaidEvent[], left: number): Markup | undefined {
  if (events.length === 0) return undefined;
  const rows = events.map(
    ({ atMs, level, code, message, times }) =>
      html`<tr class="${LEVELS.has(level) ? level : 'info'}">
        <td class="when">${atMs === undefined ? undefined : momentText(atMs)}</td>
        <td><code>${code}</code></td>
        <td>${long(message)}${times > 1 ? ` (${countText(times)} times)` : undefined}</td>
      </tr>`,
  );
  const more = left === 0 ? undefined : html`<p>${countOf(left, 'earlier event')} not shown.</p>`;
  return html`<h3>What happened to it, since its last start and by its own clock</h3>
    ${more} ${tableOf(rows)}`;
}

const LEVELS: ReadonlySet<string> = new Set(['warn', 'error']);

function savedTable(saved: readonly SavedEntry[]): Markup | undefined {
  if (saved.length === 0) return undefined;
  const rows = saved.map(({ name, fromLsn, to, by, records, localAcks }) => {
    const end = to === undefined ? 'unknown' : formatVersion(to);
    return html`<tr>
      <td><code>${name}</code></td>
      <td>from ${countText(fromLsn)} to ${end}</td>
      <td>${typeof records === 'number' ? countOf(records, 'record') : 'unknown'}</td>
      <td>acknowledged at local: ${localAcks}</td>
      <td>by ${by}</td>
    </tr>`;
  });
  return html`<h3>What it cut off and saved</h3>
    <div class="scroll">
      <table>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
}

/** Creates the figures of the examined things. */
export function countSection({ counts }: Verdict): Markup {
  const entries = Object.entries(counts);
  if (entries.length === 0) return html``;
  return html`<section>
    <h2>Looked at</h2>
    <dl class="facts">
      ${entries.map(
        ([name, count]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${countText(count)}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

function long(text: string): string {
  return shortened(text, MESSAGE_CHARACTERS_MAX);
}
