/**
 * Judges whether a history is linearizable: the operations on each key can be put into one order in which each takes effect
 * at one moment between its call and its return, and shows exactly the state that the ones before it left.
 *
 * Keys are judged one by one: a history is linearizable if it is so for each of its objects (Herlihy and Wing). So the
 * atomicity of transactions across keys is not judged here. A register begins absent. The judged code takes no part in the judgement: a bound
 * that is reached gives `unknown`, never `ok`.
 */
import { explain } from './explain-violation.ts';
import type { Explanation } from './explain-violation.ts';
import type { Operation } from './history.ts';
import { prepareSteps } from './register-steps.ts';
import { searchOrder } from './register-search.ts';

/** Number of places in the search for an order that are tried for one key before the result is `unknown`. */
export const TRIES_MAX = 1_000_000;

export type Judgement =
  | {
      readonly kind: 'ok';
      readonly keys: number;
      readonly operations: number;
      readonly tried: number;
    }
  | {
      readonly kind: 'unknown';
      readonly key: string;
      readonly tried: number;
      readonly message: string;
    }
  | ({ readonly kind: 'violation'; readonly key: string } & Explanation);

export interface JudgeOptions {
  /** Bound for the search; TRIES_MAX unless given. */
  readonly triesMax?: number;
}

/** Judges a history; pure. A violation of any key counts more than an `unknown` of another. */
export function judgeLinearizable(
  { operations }: { readonly operations: readonly Operation[] },
  options: JudgeOptions = {},
): Judgement {
  const triesMax = options.triesMax ?? TRIES_MAX;
  const byKey = groupByKey(operations);
  let tried = 0;
  let unknown: Judgement | undefined;
  for (const [key, own] of byKey) {
    const result = judgeKey(own, triesMax);
    if (result.kind === 'none') {
      return {
        kind: 'violation',
        key,
        ...explain(own, (part) => judgeKey(part, triesMax).kind === 'none'),
      };
    }
    tried += result.tried;
    if (result.kind === 'unknown') {
      const message = `key ${key}: no order was found among ${result.tried} that were tried; there may be one`;
      unknown ??= { kind: 'unknown', key, tried: result.tried, message };
    }
  }
  return unknown ?? { kind: 'ok', keys: byKey.size, operations: operations.length, tried };
}

function judgeKey(
  operations: readonly Operation[],
  triesMax: number,
): { readonly kind: 'found' | 'none' | 'unknown'; readonly tried: number } {
  const prepared = prepareSteps(operations);
  if (prepared.kind === 'unexplained') return { kind: 'none', tried: 0 };
  return searchOrder(prepared.steps, triesMax);
}

function groupByKey(operations: readonly Operation[]): ReadonlyMap<string, readonly Operation[]> {
  const result = new Map<string, Operation[]>();
  for (const operation of operations) {
    const own = result.get(operation.key);
    if (own === undefined) result.set(operation.key, [operation]);
    else own.push(operation);
  }
  return result;
}
