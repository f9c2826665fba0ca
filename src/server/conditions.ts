/** `If-Match` and `If-None-Match`. The entity tag of a key is its version in quotes. */
import type { Condition } from '../node/api/api.ts';
import { formatVersion, parseVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import type { Exchange } from './exchange.ts';
import { invalidRequest } from './invalid-request.ts';

export function etagOf(version: Version): string {
  return `"${formatVersion(version)}"`;
}

/** Reads the conditions of a write to `key`. @throws WalshipError REQUEST_INVALID. */
export function conditionsOf({ request }: Exchange, key: Buffer): readonly Condition[] {
  const match = request.headers['if-match'];
  const noneMatch = request.headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined) {
    throw invalidRequest('If-Match and If-None-Match exclude each other');
  }
  if (match !== undefined) return [{ key, expect: expected(match) }];
  if (noneMatch === undefined) return [];
  if (noneMatch.trim() !== '*') throw invalidRequest(`If-None-Match: ${noneMatch}, expected *`);
  return [{ key, expect: 'absent' }];
}

/** Returns true if the client's headers say that it has this version already. */
export function clientHas({ request }: Exchange, version: Version): boolean {
  const tags = request.headers['if-none-match']?.split(',').map((tag) => tag.trim());
  return tags?.includes(etagOf(version)) ?? false;
}

function expected(match: string): Version | 'present' {
  if (match.trim() === '*') return 'present';
  const text = /^\s*"([^"]*)"\s*$/.exec(match)?.[1];
  const version = text === undefined ? undefined : parseVersion(text);
  if (version === undefined) {
    throw invalidRequest(`If-Match: ${match}, expected one "<epoch>.<lsn>"`);
  }
  return version;
}
