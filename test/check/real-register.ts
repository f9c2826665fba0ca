import type { Expectation, Operation, OperationOutcome } from '../../src/check/history.ts';
import { SeededEntropy } from '../../src/ports/seeded-entropy.ts';
import type { Version } from '../../src/wal/format/position.ts';

export interface RegisterRun {
  readonly seed: number;
  readonly clients: number;
  readonly count: number;
  /** How many of the writes end without a known outcome: 0 to 1. */
  readonly lost?: number;
}

export interface RegisterHistory {
  readonly operations: readonly Operation[];
  /** A read that shows something else than the register did: what it can no longer have been at its call. */
  readonly staleRead: { readonly at: number; readonly read: Operation } | undefined;
}

interface State {
  readonly value: string;
  readonly version: Version;
}

interface Call {
  readonly client: number;
  readonly calledAt: number;
  readonly returnedAt: number;
  /** When it meets the register; undefined: never. */
  readonly at: number | undefined;
  readonly indeterminate: boolean;
}

/**
 * A history of one register that really exists: each operation meets it at one moment between its call and its return, an
 * indeterminate one also after it, or never. Values are unique, versions as nodes tell them.
 */
export function registerHistory(run: RegisterRun): RegisterHistory {
  const entropy = new SeededEntropy(`register ${run.seed} ${run.clients}`);
  const calls = drawCalls(run, entropy);
  const operations: Operation[] = [];
  let state: State | undefined;
  const puts: { readonly operation: Operation; readonly state: State }[] = [];
  let staleRead: RegisterHistory['staleRead'];
  let lsn = 0;
  for (const call of calls.toSorted((a, b) => (a.at ?? a.calledAt) - (b.at ?? b.calledAt))) {
    const { calledAt, returnedAt } = call;
    const common = { client: `c${call.client}`, key: 'k', calledAt, returnedAt };
    if (!call.indeterminate && entropy.chance(0.5)) {
      const read: Operation = {
        ...common,
        request: { kind: 'get' },
        outcome: { kind: 'shown', found: state },
      };
      staleRead ??= entropy.chance(0.2)
        ? makeStale(read, { at: operations.length, puts })
        : undefined;
      operations.push(read);
      continue;
    }
    const expect = drawExpectation(
      entropy,
      puts.map((one) => one.state.version),
    );
    const isDelete = entropy.chance(0.15);
    const value = `v${operations.length}`;
    const request = isDelete
      ? ({ kind: 'delete', expect } as const)
      : ({ kind: 'put', value, expect } as const);
    const met = call.at !== undefined && meets(state, expect);
    if (met) lsn += 1;
    const version = { epoch: 1, lsn };
    const outcome = outcomeOf(call, { met, version, before: state });
    const operation = { ...common, request, outcome };
    operations.push(operation);
    if (!met) continue;
    state = isDelete ? undefined : { value, version };
    if (state !== undefined) puts.push({ operation, state });
  }
  return { operations, staleRead };
}

function drawCalls(
  { clients, count, lost = 0.1 }: RegisterRun,
  entropy: SeededEntropy,
): readonly Call[] {
  const calls: Call[] = [];
  const freeAt = Array.from({ length: clients }, () => entropy.fraction() * 10);
  for (let number = 0; number < count; number += 1) {
    const client = entropy.below(clients);
    const calledAt = (freeAt[client] ?? 0) + entropy.fraction() * 5;
    const returnedAt = calledAt + entropy.fraction() * 10;
    freeAt[client] = returnedAt + 0.001;
    const indeterminate = entropy.chance(lost);
    const late = indeterminate ? entropy.pick([1, 1, 20]) : 1;
    const happens = !indeterminate || entropy.chance(0.6);
    const at = happens ? calledAt + entropy.fraction() * late * (returnedAt - calledAt) : undefined;
    calls.push({ client, calledAt, returnedAt, at, indeterminate });
  }
  return calls;
}

function drawExpectation(
  entropy: SeededEntropy,
  versions: readonly Version[],
): Expectation | undefined {
  if (entropy.chance(0.6)) return undefined;
  if (entropy.chance(0.2)) return entropy.pick(['absent', 'present'] as const);
  return versions.slice(-2).at(entropy.below(2)) ?? 'absent';
}

function meets(state: State | undefined, expect: Expectation | undefined): boolean {
  if (expect === undefined) return true;
  if (expect === 'absent') return state === undefined;
  if (expect === 'present') return state !== undefined;
  return state?.version.lsn === expect.lsn;
}

function outcomeOf(
  { indeterminate }: Call,
  result: { readonly met: boolean; readonly version: Version; readonly before: State | undefined },
): OperationOutcome {
  if (indeterminate) return { kind: 'indeterminate', version: undefined };
  if (result.met) return { kind: 'acknowledged', version: result.version };
  return { kind: 'condition-failed', actual: result.before?.version ?? null };
}

/** What an acknowledged put left, where another one came wholly between it and the read. */
function makeStale(
  read: Operation,
  {
    at,
    puts,
  }: { readonly at: number; readonly puts: readonly { operation: Operation; state: State }[] },
): RegisterHistory['staleRead'] {
  const done = puts.filter(({ operation }) => operation.outcome.kind === 'acknowledged');
  const newer = done.findLast(({ operation }) => operation.returnedAt < read.calledAt);
  if (newer === undefined) return undefined;
  const older = done.findLast(({ operation }) => operation.returnedAt < newer.operation.calledAt);
  if (older === undefined) return undefined;
  return { at, read: { ...read, outcome: { kind: 'shown', found: older.state } } };
}
