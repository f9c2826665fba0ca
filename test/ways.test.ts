/**
 * Goal: a new reader who follows a way through the code in docs/architecture.md finds what it names.
 * Verifies: every source file on the page exists; each step of a way names a file and a function or method, and that file declares it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
/** A file and the name that follows it, each in backquotes. */
const PLACE = /`(src\/[^`]+\.ts)`\s+`([^`]+)`/g;

const [, section = ''] = PAGE.split(/^## Five ways through the code$/m);
const ways = (section.split(/^## /m)[0] ?? '')
  .split(/^### /m)
  .slice(1)
  .map((text) => {
    const [title = '', ...lines] = text.split('\n');
    const [, ...steps] = lines.join('\n').split(/^\d+\. /m);
    return [title, steps] as const;
  });

test('every source file on the page exists', () => {
  const paths = [...PAGE.matchAll(/\bsrc\/[\w./-]+\.ts\b/g)].map(([path]) => path);

  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('there are five ways', () => {
  expect(ways.filter(([, steps]) => steps.length > 0)).toHaveLength(5);
});

test.for(ways)('%s: each step names a file and what it declares', ([, steps]) => {
  const nameless = steps.filter((step) => [...step.matchAll(PLACE)].length === 0);
  const places = steps.flatMap((step) => [...step.matchAll(PLACE)]);
  const wrong = places.filter(([, path = '', name = '']) => !declares(path, name));

  expect(nameless).toEqual([]);
  expect(wrong.map(([place]) => place)).toEqual([]);
});

/** Returns true if the file declares a function, constant or class of that name, or a member of a class. */
function declares(path: string, name: string): boolean {
  const file = join(ROOT, path);
  const top = `^(?:export )?(?:async )?(?:function\\*?|const|class) ${name}\\b`;
  const member = `^  (?:(?:static|readonly|async|get|set) )*\\*?${name}(?:[(<:]| =)`;
  return existsSync(file) && new RegExp(`${top}|${member}`, 'm').test(readFileSync(file, 'utf8'));
}
