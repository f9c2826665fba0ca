import type { Fault, OperatorAction } from './fault.ts';

const KINDS: ReadonlySet<string> = new Set<OperatorAction['kind']>([
  'promote',
  'switchover',
  'failover',
  'rejoin',
  'snapshot',
]);

/** Whether `action` is what an operator asks of a node, and no fault. */
export function isOperatorAction(action: Fault | OperatorAction): action is OperatorAction {
  return KINDS.has(action.kind);
}
