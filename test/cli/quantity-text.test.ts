import { expect, test } from 'vitest';
import { roughDurationText, sizeText } from '../../src/cli/quantity-text.ts';

test.for([
  [0, '0 bytes'],
  [1_023, '1023 bytes'],
  [1_024, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [1_073_344_284, '1023.6 MiB'],
  [3 * 1_024 ** 3, '3.0 GiB'],
] as const)('%i bytes read as %s', ([bytes, text]) => {
  expect(sizeText(bytes)).toBe(text);
});

test.for([
  [0, '0 s'],
  [119, '119 s'],
  [120, '2 min'],
  [7_199, '2 h'],
  [75_302, '21 h'],
  [1_000_000, '12 days'],
] as const)('%i seconds read as %s', ([seconds, text]) => {
  expect(roughDurationText(seconds)).toBe(text);
});
