import { createHash } from 'node:crypto';

/**
 * Voters and quorum as 32 hexadecimal digits; nodes compare them before they have anything to do with each other. The order of
 * the voters makes no difference, and their addresses are not part of it: a node may move.
 */
export function configHash(voters: readonly string[], quorum: number): string {
  const sorted = [...new Set(voters)].toSorted();
  // JSON, so that no list of names reads like another one.
  const text = JSON.stringify({ voters: sorted, quorum });
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
