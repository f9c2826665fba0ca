/**
 * Observations of clients: each operation with the times of its call and its return, and its outcome. One history
 * holds the operations of all clients on all keys; judges look at each key separately.
 */
import type { Version } from '../wal/format/position.ts';

/** State of a key that a write requires. */
export type Expectation = Version | 'present' | 'absent';

export type OperationRequest =
  | { readonly kind: 'put'; readonly value: string; readonly expect: Expectation | undefined }
  | { readonly kind: 'delete'; readonly expect: Expectation | undefined }
  /** A linearizable read. */
  | { readonly kind: 'get' }
  /** The condition of a transaction on a key that it does not write. */
  | { readonly kind: 'check'; readonly expect: Expectation };

export type OperationOutcome =
  /** Took effect before it returned: acknowledged at `quorum` or `all`, or known to be committed. */
  | { readonly kind: 'acknowledged'; readonly version: Version | undefined }
  /**
   * May take effect at any moment after its call, even after it returned, or never. A write acknowledged at `local`
   * is of this kind.
   */
  | { readonly kind: 'indeterminate'; readonly version: Version | undefined }
  /** Never takes effect. */
  | { readonly kind: 'rejected' }
  /** Never takes effect, and shows the state of the key: `actual` is its version, null: absent, undefined: not told. */
  | { readonly kind: 'condition-failed'; readonly actual: Version | null | undefined }
  /** Result of a get. */
  | { readonly kind: 'shown'; readonly found: Found | undefined };

export interface Found {
  readonly value: string;
  /** Version; undefined where it is not told. */
  readonly version: Version | undefined;
}

/** An operation on one key. A transaction is one for each of its keys. */
export interface Operation {
  readonly client: string;
  readonly key: string;
  /** Milliseconds on one clock for all; equal moments count as overlapping. */
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly request: OperationRequest;
  readonly outcome: OperationOutcome;
}

/** A read of the state that a node had applied, which may be old. */
export interface LocalRead {
  readonly client: string;
  /** Node and its run: the applied state may be older after a restart. */
  readonly node: string;
  readonly key: string;
  readonly calledAt: number;
  readonly returnedAt: number;
  /** Version that it asked for at least. */
  readonly minVersion: Version | undefined;
  readonly applied: Version;
  readonly found: Found | undefined;
}

/** A write of one or more keys, all or nothing. */
export interface WriteCall {
  readonly client: string;
  readonly calledAt: number;
  readonly conditions: readonly { readonly key: string; readonly expect: Expectation }[];
  /** Operations; `value` undefined: a delete. */
  readonly ops: readonly { readonly key: string; readonly value: string | undefined }[];
}

/** Outcome of a write of several keys; a version is that of its last record, as nodes report it. */
export type WriteOutcome = Exclude<OperationOutcome, { readonly kind: 'shown' }>;

/** Collects a history, in the order in which its methods are called. */
export class History {
  readonly localReads: LocalRead[] = [];
  readonly #operations: Operation[] = [];
  readonly #pending = new Set<WriteCall>();
  readonly #nowMs: () => number;
  #lastMs = 0;

  /** Creates an empty history. @param nowMs a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Operations that returned, and the writes that did not: those may have taken effect. */
  get operations(): readonly Operation[] {
    const outcome = { kind: 'indeterminate' as const, version: undefined };
    const pending = [...this.#pending].flatMap((call) => {
      const { client, calledAt } = call;
      const returnedAt = Number.POSITIVE_INFINITY;
      return partsOf(call, outcome).map((part) => ({ client, calledAt, returnedAt, ...part }));
    });
    return [...this.#operations, ...pending];
  }

  /**
   * Returns the present moment: later than every one before, even if the clock stands still, since calls come one
   * after the other.
   */
  now(): number {
    this.#lastMs = Math.max(this.#nowMs(), this.#lastMs + TICK_MS);
    return this.#lastMs;
  }

  /**
   * Begins a write; call it before any client can see the write. Call the returned function when the write has
   * returned.
   */
  write(parts: Omit<WriteCall, 'calledAt'>): (outcome: WriteOutcome) => void {
    const calledAt = this.now();
    const call = { ...parts, calledAt };
    this.#pending.add(call);
    return (outcome) => {
      const { client } = call;
      const returnedAt = this.now();
      this.#pending.delete(call);
      for (const part of partsOf(call, outcome)) {
        this.#operations.push({ client, calledAt, returnedAt, ...part });
      }
    };
  }

  got(call: { client: string; key: string; calledAt: number }, found: Found | undefined): void {
    const outcome = { kind: 'shown' as const, found };
    this.#operations.push({
      ...call,
      returnedAt: this.now(),
      request: { kind: 'get' },
      outcome,
    });
  }

  gotLocally(read: Omit<LocalRead, 'returnedAt'>): void {
    this.localReads.push({ ...read, returnedAt: this.now() });
  }
}

/** Minimum distance of two moments, in milliseconds. */
const TICK_MS = 1e-6;

/** Splits the write into its parts by key: of several records of one key only the last is ever visible. */
function partsOf(
  { conditions, ops }: WriteCall,
  outcome: WriteOutcome,
): readonly Pick<Operation, 'key' | 'request' | 'outcome'>[] {
  const parts: Pick<Operation, 'key' | 'request' | 'outcome'>[] = [];
  // The failed one of several conditions is not known: then none of them shows anything.
  const failed = outcome.kind === 'condition-failed' && conditions.length > 1;
  const own = failed ? { kind: 'rejected' as const } : outcome;
  const expected = new Map(conditions.map(({ key, expect }) => [key, expect]));
  const last = new Map(ops.map(({ key }, index) => [key, index]));
  for (const [key, index] of last) {
    const value = ops[index]?.value;
    const expect = expected.get(key);
    const request =
      value === undefined
        ? { kind: 'delete' as const, expect }
        : { kind: 'put' as const, value, expect };
    // A write that failed because of another key tells nothing about this one.
    const elsewhere = own.kind === 'condition-failed' && expect === undefined;
    const mine = elsewhere ? { kind: 'rejected' as const } : own;
    parts.push({ key, request, outcome: versioned(mine, ops.length - 1 - index) });
  }
  for (const { key, expect } of conditions) {
    if (!last.has(key)) parts.push({ key, request: { kind: 'check', expect }, outcome: own });
  }
  return parts;
}

/** Returns the outcome with the version of a record that stands `before` records before the last of its transaction. */
function versioned(outcome: WriteOutcome, before: number): WriteOutcome {
  if (outcome.kind !== 'acknowledged' && outcome.kind !== 'indeterminate') return outcome;
  const { kind, version } = outcome;
  if (version === undefined) return outcome;
  return { kind, version: { epoch: version.epoch, lsn: version.lsn - before } };
}
