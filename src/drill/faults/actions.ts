/** Faults and the orders of an operator together: told apart, put in words, and the nodes that they are about. */
import type { Fault, FaultKind, OperatorAction } from './fault.ts';
import { FAULTS } from './table.ts';

type OrderKind = OperatorAction['kind'];

/** Each order with its line. */
const ORDERS: {
  readonly [K in OrderKind]: (order: Extract<OperatorAction, { readonly kind: K }>) => string;
} = {
  promote: ({ node }) => `${node} is to lead`,
  switchover: ({ to }) => `the leader is to hand over to ${to}`,
  failover: ({ node, acceptDataLoss }) =>
    `${node} is to go on without the others${acceptDataLoss ? ', whatever that loses' : '?'}`,
  rejoin: ({ node, discard }) =>
    `${node} is to follow${discard ? ', and to give up what it has beside' : ''}`,
  probe: ({ node }) => `${node} is asked by health checks and people`,
  read: ({ node }) => `${node} is asked for what it holds`,
  snapshot: ({ node }) => `${node} is to take a snapshot`,
};

/** Returns true where `kind` is an order of an operator, and no fault. */
export function isOperatorKind(kind: FaultKind | OrderKind): kind is OrderKind {
  return Object.hasOwn(ORDERS, kind);
}

/** Returns true where `action` is an order of an operator, and no fault. */
export function isOperatorAction(action: Fault | OperatorAction): action is OperatorAction {
  return isOperatorKind(action.kind);
}

/** One line without a full stop: `n1 is killed`. */
export function describeAction(action: Fault | OperatorAction): string {
  if (!isOperatorAction(action)) return FAULTS[action.kind].say(action);
  const say = ORDERS[action.kind] as (order: OperatorAction) => string;
  return say(action);
}

/** The nodes that something is done to; of a link both ends. */
export function nodesOf(action: Fault | OperatorAction): readonly string[] {
  if ('groups' in action) return action.groups.flat();
  if ('nodes' in action) return action.nodes;
  if ('from' in action) return [action.from, action.to];
  if ('to' in action) return [action.to];
  return 'node' in action ? [action.node] : [];
}
