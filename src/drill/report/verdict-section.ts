/** Top of the page: whether every promise was held, at a glance. */
import type { Recording } from '../recording/recording.ts';
import type { Check, Outage, Rpo, Verdict } from '../judge/verdict.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { countOf, countText, durationText } from './texts.ts';

/** Creates the headline with verdict, scenario and circumstances. */
export function headline(recording: Recording, verdict: Verdict): Markup {
  const { scenario, target, seed, startedAt, walship, voters, quorum } = recording;
  const broken = verdict.checks.filter(({ passed }) => !passed).length;
  const title = verdict.passed
    ? 'Every promise held'
    : `Failed: ${countOf(broken, 'check')} of ${verdict.checks.length}`;
  const facts = [
    ['Target', target],
    ['Voters', `${voters.length}, W = ${quorum}`],
    ['Seed', String(seed)],
    ['Took', durationText(recording.phases.endMs)],
    [
      'Started',
      new Date(startedAt)
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, ' UTC'),
    ],
    ['walship', walship],
  ] as const;
  return html`<header class="${verdict.passed ? 'passed' : 'failed'}">
    <p class="drill">Drill <b>${scenario.name}</b></p>
    <h1><span class="sign" aria-hidden="true">${verdict.passed ? '✓' : '✗'}</span> ${title}</h1>
    <p class="summary">${verdict.summary}</p>
    <p class="about">${scenario.about}${LOSS_TEXTS[scenario.loss]}</p>
    <dl class="facts">
      ${facts.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  </header>`;
}

const LOSS_TEXTS = {
  none: undefined,
  local:
    ' Writes that were acknowledged at local may be lost, but only those that the tools predicted.',
  forced: ' A forced failover may lose writes, but only those that the tools predicted.',
} as const;

/** Creates the outages and losses, as large figures. */
export function figures({ rto, outages, rpo }: Verdict): Markup {
  return html`<section class="figures" aria-label="Outages and losses">
    ${outageFigure('Write outage', rto.writeMs, outages.write)}
    ${outageFigure('Linearizable read outage', rto.linearizableReadMs, outages.linearizableRead)}
    ${outageFigure('Local read outage', rto.localReadMs, outages.localRead)}
    ${(['quorum', 'all', 'local'] as const).map((level) => lossFigure(level, rpo[level]))}
  </section>`;
}

function outageFigure(name: string, ms: number, outages: readonly Outage[]): Markup {
  const more =
    outages.length === 0
      ? 'no pause longer than the ordinary one'
      : outages.length === 1
        ? 'the only outage'
        : `the longest of ${outages.length} outages`;
  return html`<div class="figure">
    <h2>${name}</h2>
    <p class="value">${ms === 0 ? 'none' : durationText(ms)}</p>
    <p>${more}</p>
  </div>`;
}

function lossFigure(level: string, { acknowledged, lost, lostVersions }: Rpo): Markup | undefined {
  if (acknowledged === 0 && lost === 0) return undefined;
  const rest = lost - lostVersions.length;
  const versions =
    lost === 0
      ? undefined
      : html`<p class="lost">
          ${lostVersions.join(', ')}${rest > 0 ? ` and ${countText(rest)} more` : undefined}
        </p>`;
  return html`<div class="figure ${lost > 0 ? 'bad' : 'good'}">
    <h2>Lost of <code>${level}</code></h2>
    <p class="value">${countText(lost)}</p>
    <p>of ${countOf(acknowledged, 'acknowledged write')}</p>
    ${versions}
  </div>`;
}

/** Creates the list of checks with their findings, failed ones first. */
export function checkList({ checks }: Verdict): Markup {
  const sorted = [
    ...checks.filter(({ passed }) => !passed),
    ...checks.filter(({ passed }) => passed),
  ];
  return html`<section>
    <h2>Checks</h2>
    <ul class="checks">
      ${sorted.map(checkItem)}
    </ul>
  </section>`;
}

function checkItem({ code, title, passed, message, findings }: Check): Markup {
  const list =
    findings.length === 0
      ? undefined
      : html`<ul>
          ${findings.map((finding) => html`<li>${finding}</li>`)}
        </ul>`;
  return html`<li class="${passed ? 'passed' : 'failed'}">
    <span class="sign" aria-label="${passed ? 'held' : 'broken'}">${passed ? '✓' : '✗'}</span>
    <div>
      <b>${title}</b> <code>${code}</code>
      <p>${message}</p>
      ${list}
    </div>
  </li>`;
}
