import type { Fault, FaultKind, OperatorAction } from './fault.ts';

const KINDS: ReadonlySet<string> = new Set<OperatorAction['kind']>([
  'promote',
  'switchover',
  'failover',
  'rejoin',
  'snapshot',
  'probe',
  'read',
]);

/** Whether `kind` is what an operator asks of a node, and no fault. */
export function isOperatorKind(
  kind: FaultKind | OperatorAction['kind'],
): kind is OperatorAction['kind'] {
  return KINDS.has(kind);
}

/** Whether `action` is what an operator asks of a node, and no fault. */
export function isOperatorAction(action: Fault | OperatorAction): action is OperatorAction {
  return isOperatorKind(action.kind);
}
