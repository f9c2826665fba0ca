import { existsSync, readFileSync } from 'node:fs';
import { connectionsFor, descriptorLimit } from '../server/descriptor-limit.ts';
import { CONNECTIONS_MAX } from '../server/limits.ts';
import type { Logger } from './logger.ts';

const LIMITS_PATH = '/proc/self/limits';

/**
 * Returns how many connections this process may hold, by its limit of open files; logs a warning if that is fewer
 * than usual.
 */
export function connectionsMaxHere(log: Pick<Logger, 'warn'>): number {
  const limit = existsSync(LIMITS_PATH)
    ? descriptorLimit(readFileSync(LIMITS_PATH, 'utf8'))
    : undefined;
  const connections = connectionsFor(limit);
  if (connections < CONNECTIONS_MAX) {
    const message = `at most ${connections} connections instead of ${CONNECTIONS_MAX}: the limit of open files is ${limit}`;
    log.warn({ openFilesMax: limit, connections }, message);
  }
  return connections;
}
