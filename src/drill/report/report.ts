/**
 * Report of a drill: one page of HTML that is self-contained, loads nothing from a network, and can be read without
 * JavaScript, which only adds figures at the pointer.
 */
import type { Recording } from '../recording/recording.ts';
import { html } from './markup.ts';
import { SCRIPT } from './script.ts';
import { countSection, doneSection, saidSection } from './said-section.ts';
import { STYLE } from './style.ts';
import { timelineSection } from './timeline-section.ts';
import { checkList, figures, headline } from './verdict-section.ts';
import type { Verdict } from '../judge/verdict.ts';

/** Content security policy: nothing may be loaded, whatever a text in the page contains. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/**
 * Renders the page. Its size is bounded except for the findings and steps: some 300 kB for a minute with three nodes.
 */
export function renderReport(recording: Recording, verdict: Verdict): string {
  const title = `${verdict.passed ? '✓' : '✗'} ${recording.scenario.name}: walship drill`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <title>${title}</title>
        ${STYLE}
      </head>
      <body>
        ${headline(recording, verdict)}
        <main>
          ${figures(verdict)} ${checkList(verdict)} ${timelineSection(recording, verdict)}
          ${doneSection(recording)} ${saidSection(recording)} ${countSection(verdict)}
        </main>
        ${SCRIPT}
      </body>
    </html>`;
  return `${page.text}\n`;
}
