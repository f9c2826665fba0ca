/**
 * What clients saw: each operation with the moments at which it was called and at which it returned, and what came of it. One
 * history holds the operations of all clients on all keys; who judges it looks at each key by itself.
 */
import type { Version } from '../wal/format/position.ts';

/** How a key must be for a write to happen. */
export type Expectation = Version | 'present' | 'absent';

export type OperationRequest =
  | { readonly kind: 'put'; readonly value: string; readonly expect: Expectation | undefined }
  | { readonly kind: 'delete'; readonly expect: Expectation | undefined }
  /** A linearizable read. */
  | { readonly kind: 'get' }
  /** The condition of a transaction on a key that it does not write. */
  | { readonly kind: 'check'; readonly expect: Expectation };

export type OperationOutcome =
  /** It took effect before it returned: acknowledged at `quorum` or `all`, or known to be committed. */
  | { readonly kind: 'acknowledged'; readonly version: Version | undefined }
  /** It may take effect at any moment after its call, even after it returned, or never. One acknowledged at `local` is such a write. */
  | { readonly kind: 'indeterminate'; readonly version: Version | undefined }
  /** It never takes effect. */
  | { readonly kind: 'rejected' }
  /** It never takes effect, and shows what the key was: `actual` is its version, null: absent, undefined: not told. */
  | { readonly kind: 'condition-failed'; readonly actual: Version | null | undefined }
  /** What a get showed. */
  | { readonly kind: 'shown'; readonly found: Found | undefined };

export interface Found {
  readonly value: string;
  /** Undefined where it is not told. */
  readonly version: Version | undefined;
}

/** One operation on one key. A transaction is one for each of its keys. */
export interface Operation {
  readonly client: string;
  readonly key: string;
  /** In milliseconds on one clock for all; equal moments count as overlapping. */
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly request: OperationRequest;
  readonly outcome: OperationOutcome;
}

/** A read of what a node had applied, which may be old. */
export interface LocalRead {
  readonly client: string;
  /** The node and its life: what was applied may be less after a restart. */
  readonly node: string;
  readonly key: string;
  readonly calledAt: number;
  readonly returnedAt: number;
  /** What it asked for, at least. */
  readonly minVersion: Version | undefined;
  readonly applied: Version;
  readonly found: Found | undefined;
}

/** A write of one or more keys, all or nothing. */
export interface WriteCall {
  readonly client: string;
  readonly calledAt: number;
  readonly conditions: readonly { readonly key: string; readonly expect: Expectation }[];
  /** `value` undefined: a delete. */
  readonly ops: readonly { readonly key: string; readonly value: string | undefined }[];
}

/** What came of a write of several keys; a version is that of its last record, as nodes tell it. */
export type WriteOutcome = Exclude<OperationOutcome, { readonly kind: 'shown' }>;

/** Collects a history, in the order in which its methods are called. */
export class History {
  readonly localReads: LocalRead[] = [];
  readonly #operations: Operation[] = [];
  readonly #pending = new Set<WriteCall>();
  readonly #nowMs: () => number;
  #lastMs = 0;

  /** @param nowMs a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** All that returned, and the writes that did not: they may have taken effect. */
  get operations(): readonly Operation[] {
    const outcome = { kind: 'indeterminate' as const, version: undefined };
    const pending = [...this.#pending].flatMap((call) => {
      const { client, calledAt } = call;
      const returnedAt = Number.POSITIVE_INFINITY;
      return partsOf(call, outcome).map((part) => ({ client, calledAt, returnedAt, ...part }));
    });
    return [...this.#operations, ...pending];
  }

  /** The present moment: later than every one before, even where the clock stands still, since calls come one after the other. */
  now(): number {
    this.#lastMs = Math.max(this.#nowMs(), this.#lastMs + TICK_MS);
    return this.#lastMs;
  }

  /** A write begins: to be called before anybody can see it. The result is to be called once it returned. */
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

/** So much later is a moment than the one before it at least. */
const TICK_MS = 1e-6;

/** The write as its keys see it: of several records of one key only the last is ever visible. */
function partsOf(
  { conditions, ops }: WriteCall,
  outcome: WriteOutcome,
): readonly Pick<Operation, 'key' | 'request' | 'outcome'>[] {
  const parts: Pick<Operation, 'key' | 'request' | 'outcome'>[] = [];
  // Which of several conditions failed is not known: then none of them shows anything.
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
    // Of a write that failed for the sake of another key, this one tells nothing.
    const elsewhere = own.kind === 'condition-failed' && expect === undefined;
    const mine = elsewhere ? { kind: 'rejected' as const } : own;
    parts.push({ key, request, outcome: versioned(mine, ops.length - 1 - index) });
  }
  for (const { key, expect } of conditions) {
    if (!last.has(key)) parts.push({ key, request: { kind: 'check', expect }, outcome: own });
  }
  return parts;
}

/** The version of a record that stands so far before the last of its transaction. */
function versioned(outcome: WriteOutcome, before: number): WriteOutcome {
  if (outcome.kind !== 'acknowledged' && outcome.kind !== 'indeterminate') return outcome;
  const { kind, version } = outcome;
  if (version === undefined) return outcome;
  return { kind, version: { epoch: version.epoch, lsn: version.lsn - before } };
}
