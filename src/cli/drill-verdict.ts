/** Text form of a verdict: the steps, their cost, and the result for each promise. */
import { asExpected } from '../drill/run/orders.ts';
import type { Recording, TimelineEvent } from '../drill/recording/recording.ts';
import type { Check, Rpo, Verdict } from '../drill/judge/verdict.ts';
import { textTable } from './text-table.ts';

const SECOND_MS = 1_000;
const FINDINGS_SHOWN_MAX = 5;

/** Formats a verdict as several lines, with a final line end. */
export function formatVerdict(recording: Recording, verdict: Verdict): string {
  const { scenario, seed, target, phases, quorum, voters } = recording;
  const took = secondsText(phases.endMs);
  const where = `${target}, ${voters.length} nodes, W = ${quorum}, seed ${seed}, ${took}`;
  return [
    `${verdict.passed ? 'GREEN' : 'RED'}  ${scenario.name}: ${verdict.summary} (${where})`,
    `       ${scenario.about}`,
    '',
    `  RTO  ${rtoText(verdict)}`,
    ...rpoLines(verdict.rpo).map((line) => `  RPO  ${line}`),
    '',
    ...verdict.checks.flatMap(checkLines),
    '',
  ].join('\n');
}

function rtoText({ rto }: Verdict): string {
  const text = (ms: number): string => (ms === 0 ? 'none' : `${Math.round(ms)} ms`);
  return `longest outage: writes ${text(rto.writeMs)}, linearizable reads ${text(rto.linearizableReadMs)}, local reads ${text(rto.localReadMs)}`;
}

function rpoLines(rpo: Verdict['rpo']): readonly string[] {
  const levels: readonly (readonly [string, Rpo])[] = Object.entries(rpo);
  return levels.flatMap(([level, { acknowledged, lost, lostVersions }]) => {
    if (acknowledged === 0) return [];
    const which =
      lost === 0 ? '' : `: ${lostVersions.join(', ')}${lost > lostVersions.length ? ', …' : ''}`;
    return [`${lost} of ${acknowledged} writes acknowledged at ${level} were lost${which}`];
  });
}

function checkLines({ code, title, passed, message, findings }: Check): readonly string[] {
  const shown = findings.slice(0, FINDINGS_SHOWN_MAX);
  const more = findings.length - shown.length;
  return [
    `  ${passed ? 'ok ' : 'RED'}  ${code.padEnd(17)}  ${title}: ${message}`,
    ...(passed ? [] : shown.map((finding) => `         ${finding}`)),
    ...(passed || more <= 0 ? [] : [`         and ${more} more`]),
  ];
}

/** Formats one event of the timeline on one line, without a line end. */
export function formatEvent(event: TimelineEvent): string {
  const { atMs, text, answer, expected: expect, expectedReason: reason } = event;
  const said =
    answer === undefined
      ? ''
      : `: ${answer.ok ? '' : `${answer.code ?? 'failed'}, `}${answer.text}`;
  const wrong =
    expect !== undefined && answer !== undefined && !asExpected({ expect, reason }, answer);
  const wanted = `${expect}${reason === undefined ? '' : `, ${reason}`}`;
  return `${secondsText(atMs).padStart(8)}  ${text}${said}${wrong ? `  (expected: ${wanted})` : ''}`;
}

/** Result of one scenario of several. */
export interface DrillRow {
  readonly name: string;
  readonly result: 'green' | 'RED' | 'skipped' | 'failed';
  readonly tookMs: number | undefined;
  readonly verdict: Verdict | undefined;
  /** Reason why it was skipped, or description of the failure. */
  readonly note: string;
}

/** Formats all results as a table. */
export function formatRows(rows: readonly DrillRow[]): string {
  const heads = [
    'SCENARIO',
    'RESULT',
    'SECONDS',
    'ACKED',
    'LOST',
    'RTO WRITE MS',
    'RTO READ MS',
    '',
  ];
  const cells = rows.map(({ name, result, tookMs, verdict, note }) => [
    name,
    result,
    tookMs === undefined ? '-' : Math.round(tookMs / SECOND_MS),
    sumOf(verdict, ({ acknowledged }) => acknowledged),
    sumOf(verdict, ({ lost }) => lost),
    verdict === undefined ? '-' : Math.round(verdict.rto.writeMs),
    verdict === undefined ? '-' : Math.round(verdict.rto.linearizableReadMs),
    note,
  ]);
  return `${textTable(heads, cells)}\n`;
}

function sumOf(verdict: Verdict | undefined, of: (rpo: Rpo) => number): number | string {
  if (verdict === undefined) return '-';
  const { local, quorum, all } = verdict.rpo;
  return of(local) + of(quorum) + of(all);
}

function secondsText(ms: number): string {
  return `${(ms / SECOND_MS).toFixed(1)} s`;
}
