import { describe, expect, test } from 'vitest';
import { FIELD_NAMES, fieldOf, flagOf, variableOf } from '../../src/config/fields.ts';

describe('table of options', () => {
  test('derives flags and variables from the names', () => {
    expect(flagOf('maxUncommittedBytes')).toBe('--max-uncommitted-bytes');
    expect(variableOf('maxUncommittedBytes')).toBe('WALSHIP_MAX_UNCOMMITTED_BYTES');
    expect(flagOf('node')).toBe('--node');
  });

  test('says one sentence about each', () => {
    for (const name of FIELD_NAMES) expect(fieldOf(name).doc, name).toMatch(/^[A-Z][^\n]+[.…]$/);
  });

  test('keeps every default within its bounds', () => {
    for (const name of FIELD_NAMES) {
      const field = fieldOf(name);
      if (field.kind === 'integer' && field.default !== undefined) {
        expect(field.default, name).toBeGreaterThanOrEqual(field.min);
        expect(field.default, name).toBeLessThanOrEqual(field.max);
      }
      if (field.kind === 'choice' && field.default !== undefined) {
        expect(field.choices, name).toContain(field.default);
      }
    }
  });
});
