import { describe, expect, test } from 'vitest';
import {
  CONNECTIONS_MIN,
  connectionsFor,
  descriptorLimit,
  FILES_MAX,
} from '../../src/server/descriptor-limit.ts';
import { CONNECTIONS_KEPT, CONNECTIONS_MAX } from '../../src/server/limits.ts';

const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft.padEnd(21)}1048576              files     \n`;

const BESIDE = FILES_MAX + CONNECTIONS_KEPT;

describe('connections leave descriptors for files', () => {
  test.for<[string, number | undefined, number]>([
    ['many', 1_048_576, CONNECTIONS_MAX],
    ['enough', CONNECTIONS_MAX + BESIDE, CONNECTIONS_MAX],
    ['one too few', CONNECTIONS_MAX + BESIDE - 1, CONNECTIONS_MAX - 1],
    ['256', 256, 256 - BESIDE],
    ['hardly any', 64, CONNECTIONS_MIN],
    ['an unknown number', undefined, CONNECTIONS_MAX],
  ])('%s', ([, limit, expected]) => {
    expect(connectionsFor(limit)).toBe(expected);
  });

  test('the limit is read as Linux writes it', () => {
    expect(descriptorLimit(limits('256'))).toBe(256);
    expect(descriptorLimit(limits('unlimited'))).toBeUndefined();
    expect(descriptorLimit('')).toBeUndefined();
  });
});
