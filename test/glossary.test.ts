/**
 * Goal: a class is named with a word that a reader knows, or finds explained.
 * Verifies: the noun of each exported class is a bold term of the glossary in docs/architecture.md, or a word that programmers and
 * people of this field use anyway.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { filesUnder } from './imports.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Words that need no explanation here: of programming, of networks and disks, and of replication. */
const STANDARD = new Set(
  (
    'acceptor ahead applier assembler behind budget buffer builder byte call caller checker ' +
    'checksum client clock cluster commit compaction connection container cursor damage ' +
    'deadline decoder delay descriptor dialer disk encoder entropy entry error exclusive fault ' +
    'fetcher file flight handle index judge lag leader live loader loss machine map markup ' +
    'membership memory metric mount name named network node number operator outbox pace page ' +
    'path pause pool process proxy pump query queue range rate read reader recorder registry ' +
    'replaced replay replica reserve rewrite room route router runner scan scanner scrubber ' +
    'search seen sender server snapshotter splitter state stop store stream sum table timeline ' +
    'timer timing transfer unanswered unreachable view violation wait waiter watch work world ' +
    'write writer'
  ).split(' '),
);

test('each exported class has a standard noun, or one of the glossary', () => {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
  const glossary = page.slice(page.indexOf('## Words'));
  const bold = [...glossary.matchAll(/\*\*([^*]+)\*\*/g)].flatMap(([, terms = '']) =>
    terms.toLowerCase().split(/[, ]+/),
  );
  const known = new Set([...STANDARD, ...bold]);

  const unknown = classNames().filter((name) => !nounsOf(name).some((noun) => known.has(noun)));

  expect(unknown).toEqual([]);
});

/** The last word of a class name, as it stands and in the singular: `entries` and `entry` of `Entries`. */
function nounsOf(name: string): readonly string[] {
  const last = [...name.matchAll(/[A-Z][a-z]*/g)].at(-1)?.[0].toLowerCase() ?? '';
  const singular = [/s$/, /es$/].map((end) => last.replace(end, ''));
  return [last, ...singular, last.replace(/ies$/, 'y'), last.replace(/ves$/, 'fe')];
}

function classNames(): string[] {
  return filesUnder('src', '.ts')
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .flatMap((text) => [...text.matchAll(/^export class (\w+)/gm)].map(([, name = '']) => name));
}
