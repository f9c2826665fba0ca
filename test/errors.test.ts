import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERRORS } from '../src/errors.ts';

const document = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
const entries = document.split(/^## /m).slice(1);

test('docs/errors.md explains every code, in the order of the table', () => {
  const headings = entries.map((entry) => entry.split('\n', 1)[0]);

  expect(headings).toEqual(Object.keys(ERRORS));
});

test.for(Object.entries(ERRORS))(
  '%s is documented with its HTTP status and what to do',
  ([code, { status }]) => {
    const entry = entries.find((text) => text.startsWith(`${code}\n`)) ?? '';

    expect(entry.split('\n')[2]).toMatch(new RegExp(`^${status}\\b`));
    expect(entry).toMatch(/^Do: |\bDo: /m);
  },
);

// The message says what is so; a hint that says it too is wrong in some cases.
test.for([
  ['NO_LEADER', /known/],
  ['STALE_EPOCH', /exists|newer/],
  ['NO_QUORUM', /connected/],
  ['BUSY', /committed/],
] as const)('the hint of %s claims nothing about the case', ([code, claim]) => {
  expect(ERRORS[code].hint).not.toMatch(claim);
});
