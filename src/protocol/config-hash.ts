import { createHash } from 'node:crypto';

/**
 * Hash of voters and quorum, as 32 hexadecimal digits; two nodes compare it before anything else. The order of
 * the voters makes no difference, and their addresses are not part of the hash: a node may move.
 */
export function configHash(voters: readonly string[], quorum: number): string {
  const sorted = [...new Set(voters)].toSorted();
  // JSON, so that two different lists of names cannot give the same text.
  const text = JSON.stringify({ voters: sorted, quorum });
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
