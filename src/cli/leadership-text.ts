/** Report of how a leadership came about, as received. */

interface Report {
  readonly epoch?: unknown;
  readonly how?: unknown;
  readonly promisedBy?: unknown;
  readonly vouchedBy?: unknown;
  readonly after?: { readonly epoch?: unknown; readonly lsn?: unknown };
  readonly atRisk?: { readonly fromLsn?: unknown; readonly heldBy?: unknown } | null;
  readonly outageMs?: unknown;
}

/** Formats a server's report of a leadership for display; missing parts are left out. */
export function leadershipLines(report: unknown): readonly string[] {
  if (typeof report !== 'object' || report === null) return [];
  const { promisedBy, vouchedBy, how, after, atRisk, outageMs } = report as Report;
  const lines: string[] = [];
  const vouchers = how === 'birth' ? '' : `; ${list(vouchedBy)} vouch for its log`;
  if (list(promisedBy) !== '') lines.push(`promises from ${list(promisedBy)}${vouchers}`);
  if (after !== undefined) {
    lines.push(`its log continues after ${String(after.epoch)}.${String(after.lsn)}`);
  }
  if (atRisk !== null && atRisk !== undefined) {
    lines.push(
      `at risk: records that only ${list(atRisk.heldBy)} may hold, from LSN ${String(atRisk.fromLsn)} on, acknowledged at local at most; ` +
        'they are saved and cut when it comes back',
    );
  } else if (atRisk === null) {
    lines.push('at risk: nothing, all voters answered');
  }
  if (typeof outageMs === 'number') {
    lines.push(`${Math.round(outageMs)} ms after the last contact with a leader`);
  }
  return lines;
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : '';
}
