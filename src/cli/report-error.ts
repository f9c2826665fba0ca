/** Report of a failed command: `walship: CODE: message`, then the hint. */
import { ERRORS, WalshipError } from '../errors.ts';
import type { ErrorCode, Outcome } from '../errors.ts';

/** Report of a failed command; the same from this process and from a server. */
export interface FailureReport {
  readonly code: string;
  readonly message: string;
  readonly outcome?: Outcome;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Returns the report of any thrown value; a value that is not ours is an INTERNAL failure with its stack. */
export function reportOf(error: unknown): FailureReport {
  if (error instanceof WalshipError) {
    const { hint, ...details } = error.details;
    return {
      code: error.code,
      message: error.message,
      ...(error.outcome === undefined ? {} : { outcome: error.outcome }),
      // A server's hint for the case takes precedence over the general one.
      hint: typeof hint === 'string' ? hint : ERRORS[error.code].hint,
      ...(Object.keys(details).length === 0 ? {} : { details }),
    };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message, hint: 'this is a bug in walship: please report it' };
}

/** Formats the lines for stderr. */
export function formatReport(report: FailureReport, json: boolean): string {
  if (json) return `${JSON.stringify({ error: report })}\n`;
  const lines = [`walship: ${report.code}: ${report.message}`];
  if (report.outcome !== undefined) lines.push(`outcome: ${OUTCOMES[report.outcome]}`);
  if (report.hint !== undefined) lines.push(`hint: ${report.hint}`);
  return `${lines.join('\n')}\n`;
}

const OUTCOMES = {
  rejected: 'rejected (nothing was written)',
  indeterminate: 'indeterminate (it may still commit)',
} as const satisfies Record<Outcome, string>;

/** Returns true if this version of walship knows `code`. */
export function isKnownCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}
