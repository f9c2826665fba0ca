import type { Check } from '../verdict.ts';

/** Number of findings that a check shows; the rest is counted. */
export const FINDINGS_SHOWN_MAX = 5;

/** Creates a check, which passes without findings. `looked` describes what was examined. */
export function checkOf(
  code: Check['code'],
  title: string,
  { findings, looked }: { readonly findings: readonly string[]; readonly looked: string },
): Check {
  const [first] = findings;
  if (first === undefined) return { code, title, passed: true, message: looked, findings: [] };
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : '';
  return {
    code,
    title,
    passed: false,
    message: `${first.split('\n')[0]}${more}`,
    findings: findings.slice(0, FINDINGS_SHOWN_MAX),
  };
}
