import type { Operation } from '../../../check/history.ts';
import { mayHaveWritten, versionOf } from '../../../check/register-steps.ts';
import { comparePositions, formatVersion } from '../../../wal/format/position.ts';
import type { AcknowledgedWrite, Survivor } from './acknowledged.ts';

/** An acknowledged write that some node lacks in the end. */
export interface Loss {
  readonly write: AcknowledgedWrite;
  /** Node ids. */
  readonly lackedBy: readonly string[];
}

/**
 * Returns every acknowledged write that is missing in the end: neither at its version, nor overwritten by a later
 * one. An element of the set is never overwritten, so another value counts as a loss there too.
 */
export function findLosses({
  acknowledged,
  survivors,
  operations,
}: {
  readonly acknowledged: readonly AcknowledgedWrite[];
  readonly survivors: readonly Survivor[];
  readonly operations: readonly Operation[];
}): readonly Loss[] {
  const deletes = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.request.kind !== 'delete' || !mayHaveWritten(operation)) continue;
    const own = deletes.get(operation.key);
    if (own === undefined) deletes.set(operation.key, [operation]);
    else own.push(operation);
  }
  return acknowledged.flatMap((write) => {
    const lackedBy = survivors
      .filter((node) => !isThere(write, { node, deletes: deletes.get(write.key) ?? [] }))
      .map(({ nodeId }) => nodeId);
    return lackedBy.length === 0 ? [] : [{ write, lackedBy }];
  });
}

function isThere(
  write: AcknowledgedWrite,
  { node, deletes }: { readonly node: Survivor; readonly deletes: readonly Operation[] },
): boolean {
  const found = node.entries.get(write.key);
  // A value that is in the log twice is another fault than a missing one.
  if (write.kind === 'set') return found?.value === write.value;
  if (found === undefined) {
    if (write.kind === 'transfer') return false;
    if (write.value === undefined) return true;
    return deletes.some((operation) => {
      const deleted = versionOf(operation);
      return deleted === undefined || comparePositions(deleted, write.version) > 0;
    });
  }
  const order = comparePositions(found.version, write.version);
  if (order !== 0 || write.kind === 'transfer') return order >= 0;
  return write.value === found.value;
}

/** Describes a write for display. */
export function describeWrite({ key, version, ack, calledAt }: AcknowledgedWrite): string {
  return `${key} at ${formatVersion(version)} (${ack}, called at ${Math.round(calledAt)} ms)`;
}
