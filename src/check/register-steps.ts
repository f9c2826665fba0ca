/**
 * Operations on one key as steps of a search for an order: each with its precondition on the register, its effect on it, and the
 * moments between which it has to happen.
 *
 * All conclusions here follow from the observations of clients alone, and hold in every order that explains these:
 *
 * - A put that nobody can have seen needs no place in the order if nothing shows that it happened: the same order without it
 *   is as good. So an indeterminate one that nothing shows is left out.
 * - A get shows the value of some write. If only one write can have left it, that write did happen, before the get returned, and its
 *   version is the one that the get showed.
 *
 * Versions are part of the observations, and nodes promise that they grow along the order of the writes. So an order has to explain
 * them as well: they only ever make the judgement stricter, and an unknown version is never a contradiction.
 */
import { comparePositions, formatVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import type { Expectation, Operation } from './history.ts';

/** A register: absent where `value` is undefined. `version` is undefined while nobody has told it. */
export interface RegisterState {
  readonly value: string | undefined;
  readonly version: Version | undefined;
  /** Highest reported version of any write so far. */
  readonly top: Version | undefined;
}

/** Initial state of a register. */
export const ABSENT: RegisterState = { value: undefined, version: undefined, top: undefined };

/** A step of the search: one operation. */
export interface Step {
  readonly operation: Operation;
  /** True if it only reads. */
  readonly isRead: boolean;
  /** True if it happened; otherwise it may be left out. */
  readonly must: boolean;
  /** Moment before which it happened; Infinity if it may come at any time. */
  readonly endsAt: number;
  /** Version of a write, where known. */
  readonly version: Version | undefined;
  /**
   * Kind of a step that is optional, without preconditions, and interchangeable with others of its kind; undefined
   * for any other.
   */
  readonly spare: 'put' | 'delete' | undefined;
}

export type Prepared =
  | { readonly kind: 'steps'; readonly steps: readonly Step[] }
  /** A get shows a value that no write can have left. */
  | { readonly kind: 'unexplained'; readonly operation: Operation };

const NOTHING_WRITTEN = { version: undefined, spare: undefined } as const;

/** Conclusions about a write from the gets that can have seen no other one. */
interface Known {
  readonly version: Version | undefined;
  readonly endsAt: number;
}

/** Prepares the steps of `operations`, all of one key, in order of their calls. */
export function prepareSteps(operations: readonly Operation[]): Prepared {
  const writes = operations.filter(mayHaveWritten);
  const known = new Map<Operation, Known>();
  const sources = writesByValue(writes);
  const seen = new Set<Operation>();
  for (const get of operations) {
    const found = shownBy(get);
    if (found === undefined) continue;
    const possible = (sources.get(found.value) ?? []).filter(
      (write) => agree(versionOf(write), found.version) && write.calledAt <= get.returnedAt,
    );
    for (const write of possible) seen.add(write);
    const [only] = possible;
    if (only === undefined) return { kind: 'unexplained', operation: get };
    if (possible.length > 1) continue;
    const before = known.get(only);
    if (!agree(before?.version, found.version)) return { kind: 'unexplained', operation: get };
    known.set(only, {
      version: before?.version ?? versionOf(only) ?? found.version,
      endsAt: Math.min(before?.endsAt ?? Number.POSITIVE_INFINITY, get.returnedAt),
    });
  }
  const useful = usefulWrites(operations, { writes, seen, known });
  const steps = operations.flatMap((operation) => {
    const step = stepOf(operation, {
      known: known.get(operation),
      isSeen: seen.has(operation),
    });
    return step === undefined || (!step.must && !useful.has(operation)) ? [] : [step];
  });
  return {
    kind: 'steps',
    steps: steps.toSorted((a, b) => a.operation.calledAt - b.operation.calledAt),
  };
}

/** Returns the register after `step`, or undefined if the step cannot happen in `state`. */
export function take(
  { operation, version }: Step,
  state: RegisterState,
): RegisterState | undefined {
  const { request, outcome } = operation;
  if (request.kind === 'get') {
    if (outcome.kind !== 'shown') return undefined;
    const { found } = outcome;
    if (found === undefined) return state.value === undefined ? state : undefined;
    return state.value === found.value ? atVersion(state, found.version) : undefined;
  }
  if (outcome.kind === 'condition-failed') {
    if (outcome.actual === null) return state.value === undefined ? state : undefined;
    if (outcome.actual === undefined) return missed(state, request.expect) ? state : undefined;
    return state.value === undefined ? undefined : atVersion(state, outcome.actual);
  }
  const met = meet(state, request.expect);
  if (met === undefined || request.kind === 'check') return met;
  if (!grows(met.top, version)) return undefined;
  const top = version ?? met.top;
  if (request.kind === 'delete') return { value: undefined, version: undefined, top };
  return { value: request.value, version, top };
}

/** Returns the state if it meets the condition; with its version, if the condition tells it. */
function meet(state: RegisterState, expect: Expectation | undefined): RegisterState | undefined {
  if (expect === undefined) return state;
  if (expect === 'absent') return state.value === undefined ? state : undefined;
  if (state.value === undefined) return undefined;
  return expect === 'present' ? state : atVersion(state, expect);
}

/** Returns true if the condition may have failed. An unknown version may be any other. */
function missed(state: RegisterState, expect: Expectation | undefined): boolean {
  if (expect === undefined) return false;
  if (expect === 'present') return state.value === undefined;
  if (expect === 'absent') return state.value !== undefined;
  return state.value === undefined || !isSame(state.version, expect);
}

/** Returns the state, which turns out to be of this version; undefined if it cannot be. */
function atVersion(state: RegisterState, told: Version | undefined): RegisterState | undefined {
  if (told === undefined || isSame(state.version, told)) return state;
  if (state.version !== undefined || !grows(state.top, told)) return undefined;
  return { value: state.value, version: told, top: told };
}

function grows(top: Version | undefined, next: Version | undefined): boolean {
  return top === undefined || next === undefined || comparePositions(next, top) > 0;
}

function isSame(a: Version | undefined, b: Version): boolean {
  return a !== undefined && comparePositions(a, b) === 0;
}

function stepOf(
  operation: Operation,
  { known, isSeen }: { readonly known: Known | undefined; readonly isSeen: boolean },
): Step | undefined {
  const { request, outcome, returnedAt } = operation;
  if (outcome.kind === 'rejected') return undefined;
  if (request.kind === 'get' || outcome.kind === 'condition-failed') {
    return { operation, isRead: true, must: true, endsAt: returnedAt, ...NOTHING_WRITTEN };
  }
  const certain = outcome.kind === 'acknowledged';
  if (request.kind === 'check') {
    if (!certain) return undefined;
    return { operation, isRead: true, must: true, endsAt: returnedAt, ...NOTHING_WRITTEN };
  }
  const version = versionOf(operation) ?? known?.version;
  const must = certain || known !== undefined;
  const like = !must && version === undefined && request.expect === undefined && !isSeen;
  const lastMs = certain ? returnedAt : Number.POSITIVE_INFINITY;
  return {
    operation,
    isRead: false,
    must,
    endsAt: Math.min(lastMs, known?.endsAt ?? Number.POSITIVE_INFINITY),
    version,
    spare: like ? request.kind : undefined,
  };
}

/** Returns the writes whose place in the order may matter to another operation. */
function usefulWrites(
  operations: readonly Operation[],
  {
    writes,
    seen,
    known,
  }: {
    readonly writes: readonly Operation[];
    readonly seen: ReadonlySet<Operation>;
    readonly known: ReadonlyMap<Operation, Known>;
  },
): ReadonlySet<Operation> {
  const versions = operations.flatMap(({ request, outcome }) => {
    const told: Version[] = [];
    if (request.kind !== 'get' && typeof request.expect === 'object') told.push(request.expect);
    if (outcome.kind === 'condition-failed' && outcome.actual) told.push(outcome.actual);
    return told;
  });
  // These conditions hold of any key that is present, or of any other version.
  const anything = operations.some(
    ({ request, outcome }) =>
      request.kind !== 'get' &&
      (request.expect === 'present' ||
        (outcome.kind === 'condition-failed' && outcome.actual === undefined)),
  );
  const owned = new Set(
    writes.flatMap((write) => {
      const version = versionOf(write) ?? known.get(write)?.version;
      return version === undefined ? [] : [formatVersion(version)];
    }),
  );
  const told = new Set(versions.map(formatVersion));
  // A version belongs to one write: a version that is known to belong to another one cannot belong to a write without
  // a known version.
  const unowned = [...told].some((version) => !owned.has(version));
  return new Set(
    writes.filter((write) => {
      if (write.request.kind === 'delete' || anything || seen.has(write)) return true;
      const version = versionOf(write);
      return version === undefined ? unowned : told.has(formatVersion(version));
    }),
  );
}

/** Returns true for an operation that was not rejected and would leave a value or delete one. */
export function mayHaveWritten({ request, outcome }: Operation): boolean {
  const writes = request.kind === 'put' || request.kind === 'delete';
  return writes && (outcome.kind === 'acknowledged' || outcome.kind === 'indeterminate');
}

function writesByValue(writes: readonly Operation[]): ReadonlyMap<string, readonly Operation[]> {
  const result = new Map<string, Operation[]>();
  for (const write of writes) {
    if (write.request.kind !== 'put') continue;
    const same = result.get(write.request.value);
    if (same === undefined) result.set(write.request.value, [write]);
    else same.push(write);
  }
  return result;
}

function shownBy({
  request,
  outcome,
}: Operation): { value: string; version: Version | undefined } | undefined {
  return request.kind === 'get' && outcome.kind === 'shown' ? outcome.found : undefined;
}

/** Returns the version that the write was told to have. */
export function versionOf({ outcome }: Operation): Version | undefined {
  const told = outcome.kind === 'acknowledged' || outcome.kind === 'indeterminate';
  return told ? outcome.version : undefined;
}

function agree(a: Version | undefined, b: Version | undefined): boolean {
  return a === undefined || b === undefined || comparePositions(a, b) === 0;
}
