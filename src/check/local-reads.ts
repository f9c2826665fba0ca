/**
 * Judges reads of the state that one node had applied. Such a read may be old, but has to keep its promises: it shows
 * nothing older than the requested version, it shows the register as the writes up to its position left it, and no
 * node goes back.
 */
import { comparePositions, formatVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import { describeOperation } from './describe-operation.ts';
import type { LocalRead, Operation } from './history.ts';
import { mayHaveWritten, versionOf } from './register-steps.ts';

export interface LocalViolation {
  readonly code:
    /** The read shows less than the later version that was asked for. */
    | 'OLDER_THAN_ASKED'
    /** The read shows a version above the one that the node reports as applied. */
    | 'BEYOND_APPLIED'
    /** The read shows a value that nobody wrote, or that was rejected, or that was written only later. */
    | 'NEVER_WRITTEN'
    /** The read lacks an acknowledged write below the position of the node. */
    | 'LACKS_WRITE'
    /** The node had applied more before. */
    | 'WENT_BACK';
  readonly message: string;
}

/** Returns the first read that broke a promise, or undefined. Pure. */
export function judgeLocalReads({
  operations,
  localReads,
}: {
  readonly operations: readonly Operation[];
  readonly localReads: readonly LocalRead[];
}): LocalViolation | undefined {
  const writes = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.request.kind === 'get' || operation.request.kind === 'check') continue;
    const own = writes.get(operation.key);
    if (own === undefined) writes.set(operation.key, [operation]);
    else own.push(operation);
  }
  for (const read of localReads) {
    const broken = judgeRead(read, writes.get(read.key) ?? []);
    if (broken !== undefined) return broken;
  }
  return judgeNodes(localReads);
}

function judgeRead(read: LocalRead, writes: readonly Operation[]): LocalViolation | undefined {
  const { minVersion, applied, found } = read;
  const name = describeRead(read);
  if (minVersion !== undefined && comparePositions(applied, minVersion) < 0) {
    const message = `${name}; it was asked for ${formatVersion(minVersion)} at least`;
    return { code: 'OLDER_THAN_ASKED', message };
  }
  if (found?.version !== undefined && comparePositions(found.version, applied) > 0) {
    return { code: 'BEYOND_APPLIED', message: name };
  }
  if (found !== undefined && !writes.some((write) => explains(write, read))) {
    return { code: 'NEVER_WRITTEN', message: `${name}; no write explains that` };
  }
  const newest = newestBelow(applied, writes);
  if (newest === undefined || isThere(newest, { read, writes })) return undefined;
  return { code: 'LACKS_WRITE', message: `${name}; it lacks\n  ${describeOperation(newest)}` };
}

/** Returns true if the write may have left the value that the read shows. */
function explains(write: Operation, { found, returnedAt }: LocalRead): boolean {
  if (found === undefined || write.request.kind !== 'put' || !mayHaveWritten(write)) return false;
  const version = versionOf(write);
  const same =
    version === undefined ||
    found.version === undefined ||
    comparePositions(version, found.version) === 0;
  return same && write.request.value === found.value && write.calledAt <= returnedAt;
}

/**
 * Returns the acknowledged write of the highest version up to `applied`: every node whose log reaches that far holds
 * it, since every later leader did. The time of its acknowledgement does not matter.
 */
function newestBelow(applied: Version, writes: readonly Operation[]): Operation | undefined {
  let newest: Operation | undefined;
  for (const write of writes) {
    const version = write.outcome.kind === 'acknowledged' ? write.outcome.version : undefined;
    if (version === undefined || comparePositions(version, applied) > 0) continue;
    const best = newest === undefined ? undefined : versionOf(newest);
    if (best === undefined || comparePositions(version, best) > 0) newest = write;
  }
  return newest;
}

/** Returns true if the read shows that write or a later one. A value whose order cannot be told counts as later. */
function isThere(
  newest: Operation,
  { read, writes }: { readonly read: LocalRead; readonly writes: readonly Operation[] },
): boolean {
  const { found } = read;
  const version = versionOf(newest);
  if (version === undefined) return true;
  if (found !== undefined) {
    return found.version === undefined || comparePositions(found.version, version) >= 0;
  }
  if (newest.request.kind === 'delete') return true;
  return writes.some((write) => {
    if (write.request.kind !== 'delete' || !mayHaveWritten(write)) return false;
    if (write.calledAt > read.returnedAt) return false;
    const deleted = versionOf(write);
    return deleted === undefined || comparePositions(deleted, version) > 0;
  });
}

/** Checks reads at one node that do not overlap: the later one shows at least as much. */
function judgeNodes(reads: readonly LocalRead[]): LocalViolation | undefined {
  const byNode = new Map<string, LocalRead[]>();
  for (const read of reads) {
    const own = byNode.get(read.node);
    if (own === undefined) byNode.set(read.node, [read]);
    else own.push(read);
  }
  for (const own of byNode.values()) {
    const byReturn = own.toSorted((a, b) => a.returnedAt - b.returnedAt);
    const byCall = own.toSorted((a, b) => a.calledAt - b.calledAt);
    let furthest: LocalRead | undefined;
    let next = 0;
    for (const read of byCall) {
      for (let before = byReturn[next]; before !== undefined; before = byReturn[next]) {
        if (before.returnedAt >= read.calledAt) break;
        next += 1;
        if (furthest === undefined || comparePositions(before.applied, furthest.applied) > 0) {
          furthest = before;
        }
      }
      if (furthest === undefined || comparePositions(read.applied, furthest.applied) >= 0) continue;
      const message = `${describeRead(read)}, after\n  ${describeRead(furthest)}`;
      return { code: 'WENT_BACK', message };
    }
  }
  return undefined;
}

function describeRead({
  client,
  node,
  key,
  applied,
  found,
  calledAt,
  returnedAt,
}: LocalRead): string {
  const version = found?.version === undefined ? '' : ` at ${formatVersion(found.version)}`;
  const what =
    found === undefined ? 'nothing' : `${JSON.stringify(found.value.slice(0, 40))}${version}`;
  const when = `from ${calledAt.toFixed(3)} to ${returnedAt.toFixed(3)} ms`;
  return `${client} ${when}: a local read of ${key} at ${node}, which had applied ${formatVersion(applied)}, shows ${what}`;
}
