import { asExpected } from '../../run/orders.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/** Checks that the orders had the results, and the waits the ends, that the scenario expected. */
export function checkOperator({ recording }: Evidence): Check {
  const expecting = recording.timeline.filter(({ expected }) => expected !== undefined);
  const findings = expecting.flatMap(
    ({ text, expected: expect = 'any', expectedReason: reason, answer, atMs }) => {
      if (answer !== undefined && asExpected({ expect, reason }, answer)) return [];
      const refusal = reason === undefined ? 'a refusal' : `a refusal with ${reason}`;
      const wanted = expect === 'refused' ? refusal : 'done';
      const got = answer === undefined ? 'nothing' : `${answer.code ?? 'done'}: ${answer.text}`;
      return [`${text} (at ${Math.round(atMs)} ms): expected ${wanted}, got ${got}`];
    },
  );
  return checkOf('OPERATOR', 'all orders and waits had the expected result', {
    findings,
    looked: `${expecting.length} orders and waits`,
  });
}
