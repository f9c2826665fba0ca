/** Needs of a scenario, and whether a target meets them: pure. */
import type { FaultKind } from '../faults/fault.ts';
import { isOperatorKind } from '../faults/actions.ts';
import { FAULTS } from '../faults/table.ts';
import type { Scenario } from './scenario.ts';

/** Options of `serve` with which a node gives up log within a drill; with its defaults it keeps all of it. */
const PURGING_OPTIONS = ['retainBytesMax', 'snapshotLogBytes'];

/** Returns the kinds of faults in the order in which they come up; healing included. */
export function faultsOf({ steps }: Scenario): readonly FaultKind[] {
  const kinds = steps.flatMap(({ actions }) =>
    actions.flatMap(({ kind }) => (isOperatorKind(kind) ? [] : [kind])),
  );
  return [...new Set(kinds)];
}

/** Returns the reason why `scenario` cannot run if only `can` is possible; undefined: it can. */
export function cannot(scenario: Scenario, can: ReadonlySet<FaultKind>): string | undefined {
  const lacking = faultsOf(scenario).filter((kind) => !can.has(kind));
  if (lacking.length === 0) return undefined;
  const named = lacking.map((kind) => {
    const { needs } = FAULTS[kind];
    return needs === undefined ? kind : `${kind} (it needs ${needs})`;
  });
  return `this target cannot do ${named.join(', ')}`;
}

/** Returns true if a node may purge log that a watch may still need: the scenario bounds it, or has snapshots taken. */
export function mayPurge({ cluster, steps }: Pick<Scenario, 'cluster' | 'steps'>): boolean {
  return (
    PURGING_OPTIONS.some((option) => Object.hasOwn(cluster.options, option)) ||
    steps.some(({ actions }) => actions.some(({ kind }) => kind === 'snapshot'))
  );
}
