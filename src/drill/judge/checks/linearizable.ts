import type { Operation } from '../../../check/history.ts';
import { judgeLinearizable } from '../../../check/linearizability.ts';
import type { JudgeOptions } from '../../../check/linearizability.ts';
import { versionOf } from '../../../check/register-steps.ts';
import type { Check } from '../verdict.ts';
import type { Evidence, Forced } from './evidence.ts';
import { checkOf } from './finding.ts';

const TITLE = 'there is one order of all operations on each register that explains every answer';

/**
 * Checks that the registers are linearizable. After a forced failover each history is judged separately. An
 * unfinished judgement does not pass.
 */
export function checkLinearizable(evidence: Evidence, options: JudgeOptions = {}): Check {
  const parts = historiesOf(evidence);
  const findings: string[] = [];
  let keys = 0;
  let count = 0;
  for (const operations of parts) {
    const judgement = judgeLinearizable({ operations }, options);
    if (judgement.kind === 'violation') findings.push(`${judgement.key}: ${judgement.message}`);
    else if (judgement.kind === 'unknown') findings.push(`not judged: ${judgement.message}`);
    else {
      ({ keys, operations: count } = {
        keys: keys + judgement.keys,
        operations: count + judgement.operations,
      });
    }
  }
  return checkOf('LINEARIZABILITY', TITLE, {
    findings,
    looked: `${count} operations on ${keys} registers`,
  });
}

function historiesOf({
  operations,
  forced,
  isCutOff,
}: Evidence): readonly (readonly Operation[])[] {
  const first = forced[0];
  if (first === undefined) return [operations];
  const later = new Set(operations.map(({ key }) => key));
  for (const operation of operations) {
    const version = versionOf(operation);
    const isOld = operation.calledAt < lastOf(forced).atMs;
    if (isOld || (version !== undefined && isCutOff(version))) later.delete(operation.key);
  }
  return [
    operations.flatMap((operation) => before(operation, first)),
    operations.filter(({ key }) => later.has(key)),
  ];
}

/** Returns the operation as the first history has it: an operation that had not returned by then is not certain. */
function before(operation: Operation, { atMs }: Forced): readonly Operation[] {
  if (operation.calledAt >= atMs) return [];
  if (operation.returnedAt < atMs) return [operation];
  const { request } = operation;
  if (request.kind !== 'put' && request.kind !== 'delete') return [];
  const outcome = { kind: 'indeterminate' as const, version: undefined };
  return [{ ...operation, returnedAt: Number.POSITIVE_INFINITY, outcome }];
}

function lastOf(forced: readonly Forced[]): Forced {
  return forced.at(-1) as Forced;
}
