/** Which faults a scenario needs, and whether a target can do them: pure. */
import type { FaultKind } from './fault.ts';
import { isOperatorKind } from './operator-kinds.ts';
import type { Scenario } from './scenario.ts';

/** In the order in which they come up; healing included. */
export function faultsOf({ steps }: Scenario): readonly FaultKind[] {
  const kinds = steps.flatMap(({ actions }) =>
    actions.flatMap(({ kind }) => (isOperatorKind(kind) ? [] : [kind])),
  );
  return [...new Set(kinds)];
}

/** Why `scenario` cannot run where only `can` is possible; undefined: it can. */
export function cannot(scenario: Scenario, can: ReadonlySet<FaultKind>): string | undefined {
  const lacking = faultsOf(scenario).filter((kind) => !can.has(kind));
  return lacking.length === 0 ? undefined : `this target cannot do ${lacking.join(', ')}`;
}
