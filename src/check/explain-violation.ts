/**
 * Makes a violation small enough to be read: of all operations on a key, the few that already cannot be put into one
 * order, and a sentence with the reason. Only parts that make the violation stronger are left out: later operations,
 * reads, and the certainty that a write happened.
 */
import { comparePositions, formatVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import { describeOperation } from './describe-operation.ts';
import type { Operation } from './history.ts';
import { mayHaveWritten, versionOf } from './register-steps.ts';

export type ViolationCode =
  /** A get shows a value that nobody wrote. */
  | 'NEVER_WRITTEN'
  /** A get shows a rejected write. */
  | 'REJECTED_APPEARED'
  /** A get shows a value that was written only after it had returned. */
  | 'READ_BEFORE_WRITTEN'
  /** A get shows a version that its write did not get. */
  | 'OTHER_VERSION'
  /** A get shows an overwritten value. */
  | 'STALE_READ'
  /** A get shows nothing although a value had been written. */
  | 'LOST_WRITE'
  /** Two writes were both made on condition of the same version. */
  | 'LOST_UPDATE'
  /** Two successive gets, of which the later one shows a value that had been overwritten for the earlier one. */
  | 'READS_GO_BACK'
  /** Two successive writes, of which the later one got the lower version. */
  | 'VERSIONS_GO_BACK'
  /** Operations that contradict each other in another way. */
  | 'NO_ORDER';

export interface Explanation {
  readonly code: ViolationCode;
  /** Operations that cannot be ordered, sorted by their calls. */
  readonly operations: readonly Operation[];
  /** Sentence on the contradiction, and each of the operations on a line of its own. */
  readonly message: string;
}

/**
 * Explains a violation. @param isBad returns true if operations of the key cannot be put into one order. True for
 * `operations` itself.
 */
export function explain(
  operations: readonly Operation[],
  isBad: (operations: readonly Operation[]) => boolean,
): Explanation {
  const start = firstBadPart(operations, isBad);
  const core = weaken(start, isBad);
  const { code, sentence, also } = why(core, operations);
  const shown = [...new Set([...core, ...also])].toSorted((a, b) => a.calledAt - b.calledAt);
  const lines = shown.map((operation) => `  ${describeOperation(operation)}`);
  const key = operations[0]?.key ?? '';
  return { code, operations: shown, message: `key ${key}: ${sentence}\n${lines.join('\n')}` };
}

/**
 * Returns the operations up to the first moment that makes the history bad: a part of a history up to a moment is bad
 * only if the whole is.
 */
function firstBadPart(
  operations: readonly Operation[],
  isBad: (operations: readonly Operation[]) => boolean,
): readonly Operation[] {
  const ends = [...new Set(operations.map(({ returnedAt }) => returnedAt))].toSorted(
    (a, b) => a - b,
  );
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isBad(upTo(operations, ends[middle] ?? 0))) high = middle;
    else low = middle + 1;
  }
  return upTo(operations, ends[low] ?? 0);
}

function upTo(operations: readonly Operation[], endMs: number): readonly Operation[] {
  return operations.flatMap((operation) => {
    if (operation.returnedAt <= endMs) return [operation];
    if (operation.calledAt > endMs || !mayHaveWritten(operation)) return [];
    return [uncertain(operation)];
  });
}

/** Removes constraints as far as the history stays bad, in large parts first. */
function weaken(
  operations: readonly Operation[],
  isBad: (operations: readonly Operation[]) => boolean,
): readonly Operation[] {
  let strict = new Set(operations.filter(isStrict));
  for (let size = Math.ceil(strict.size / 2); size >= 1; size = Math.floor(size / 2)) {
    const all = [...strict];
    for (let from = 0; from < all.length; from += size) {
      const rest = new Set(strict);
      for (const operation of all.slice(from, from + size)) rest.delete(operation);
      if (isBad(withStrict(operations, rest))) strict = rest;
    }
  }
  return [...strict];
}

/** Returns true if the operation constrains the history: it happened, or it showed something. */
function isStrict({ outcome }: Operation): boolean {
  return outcome.kind !== 'indeterminate' && outcome.kind !== 'rejected';
}

function withStrict(
  operations: readonly Operation[],
  strict: ReadonlySet<Operation>,
): readonly Operation[] {
  return operations.flatMap((operation) => {
    if (strict.has(operation) || !isStrict(operation)) return [operation];
    return mayHaveWritten(operation) ? [uncertain(operation)] : [];
  });
}

function uncertain(operation: Operation): Operation {
  return {
    ...operation,
    returnedAt: Number.POSITIVE_INFINITY,
    outcome: { kind: 'indeterminate', version: versionOf(operation) },
  };
}

interface Why {
  readonly code: ViolationCode;
  readonly sentence: string;
  /** Operations that belong to it, besides those that contradict each other. */
  readonly also: readonly Operation[];
}

function why(core: readonly Operation[], all: readonly Operation[]): Why {
  const gets = core.filter(({ request }) => request.kind === 'get');
  const [get] = gets;
  if (get !== undefined && gets.length === 1) {
    const said = get.outcome.kind === 'shown' ? whyGet(get, { core, all }) : undefined;
    if (said !== undefined) return said;
  }
  const twice = sameCondition(core);
  if (twice !== undefined) {
    const sentence = `two writes both succeeded on condition of ${twice}, which only one of them can have met`;
    return { code: 'LOST_UPDATE', sentence, also: [] };
  }
  if (versionsGoBack(core)) {
    const sentence = 'a write was called after another one had returned, and got a lower version';
    return { code: 'VERSIONS_GO_BACK', sentence, also: [] };
  }
  const [first, second] = gets.toSorted((a, b) => a.calledAt - b.calledAt);
  const apart = first !== undefined && second !== undefined && isBefore(first, second);
  if (apart && core.length === 2 && valueOf(first) !== valueOf(second)) {
    const sentence = 'a get shows less than a get that had returned before it was called';
    return { code: 'READS_GO_BACK', sentence, also: sourcesOf(gets, all) };
  }
  const sentence = 'these operations cannot be put into one order';
  return { code: 'NO_ORDER', sentence, also: sourcesOf(gets, all) };
}

function whyGet(
  get: Operation,
  { core, all }: { readonly core: readonly Operation[]; readonly all: readonly Operation[] },
): Why | undefined {
  const found = get.outcome.kind === 'shown' ? get.outcome.found : undefined;
  if (found === undefined) {
    const lost = core.find(
      (write) => write.request.kind === 'put' && mayHaveWritten(write) && isBefore(write, get),
    );
    if (lost === undefined) return undefined;
    const sentence = `a get shows nothing, although a put had been acknowledged before it was called`;
    return { code: 'LOST_WRITE', sentence, also: [] };
  }
  const wrote = all.filter(
    ({ request }) => request.kind === 'put' && request.value === found.value,
  );
  const written = wrote.filter(mayHaveWritten);
  if (wrote.length === 0) {
    return { code: 'NEVER_WRITTEN', sentence: 'a get shows a value that nobody wrote', also: [] };
  }
  if (written.length === 0) {
    const sentence = 'a get shows a value whose write was rejected';
    return { code: 'REJECTED_APPEARED', sentence, also: wrote };
  }
  if (written.every((write) => write.calledAt > get.returnedAt)) {
    const sentence = 'a get shows a value that was written only after the get had returned';
    return { code: 'READ_BEFORE_WRITTEN', sentence, also: written };
  }
  if (written.every((write) => isOtherVersion(write, found.version))) {
    const sentence = 'a get shows a value under a version that its write did not get';
    return { code: 'OTHER_VERSION', sentence, also: written };
  }
  const over = core.find(
    (write) => mayHaveWritten(write) && isBefore(write, get) && !written.includes(write),
  );
  if (over === undefined) return undefined;
  const sentence = `a get shows a value that had been overwritten before the get was called`;
  return { code: 'STALE_READ', sentence, also: written };
}

function isOtherVersion(write: Operation, found: Version | undefined): boolean {
  const version = versionOf(write);
  if (version === undefined || found === undefined) return false;
  return comparePositions(version, found) !== 0;
}

function isBefore(first: Operation, second: Operation): boolean {
  return first.returnedAt < second.calledAt;
}

function sameCondition(core: readonly Operation[]): string | undefined {
  const seen = new Set<string>();
  for (const { request, outcome } of core) {
    if (outcome.kind !== 'acknowledged' || !('expect' in request)) continue;
    if (request.kind === 'check' || typeof request.expect !== 'object') continue;
    const version = formatVersion(request.expect);
    if (seen.has(version)) return `version ${version}`;
    seen.add(version);
  }
  return undefined;
}

function versionsGoBack(core: readonly Operation[]): boolean {
  return core.some((later) =>
    core.some((earlier) => {
      if (!isBefore(earlier, later)) return false;
      const [first, second] = [versionOf(earlier), versionOf(later)];
      return first !== undefined && second !== undefined && comparePositions(first, second) >= 0;
    }),
  );
}

/** Returns the value that a get shows. */
function valueOf({ outcome }: Operation): string | undefined {
  return outcome.kind === 'shown' ? outcome.found?.value : undefined;
}

function sourcesOf(gets: readonly Operation[], all: readonly Operation[]): readonly Operation[] {
  const values = new Set(gets.map(valueOf));
  return all.filter(({ request }) => request.kind === 'put' && values.has(request.value));
}
