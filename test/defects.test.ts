/** The defects of `npm run break` fit the code, and CONTRIBUTING.md has a row for each of them. None of them is made here. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';

interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

interface Defect extends Change {
  readonly name: string;
  readonly what: string;
  readonly also?: readonly Change[];
  readonly test: readonly string[] | { readonly seeds: number; readonly from: number };
}

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

// The path is not a literal: the script has no types.
const SCRIPT = 'scripts/defects.mjs';
const { DEFECTS } = (await import(pathToFileURL(join(ROOT, SCRIPT)).href)) as {
  DEFECTS: readonly Defect[];
};
const rows = [...text('CONTRIBUTING.md').matchAll(/^\| `([\w-]+)`: (.+) \| (.+) \|$/gm)];

describe('the defects of npm run break', () => {
  test('have names of their own, and no text of one is lost in another', () => {
    const names = DEFECTS.map(({ name }) => name);

    expect(names.length).toBeGreaterThan(0);
    expect(names).toEqual([...new Set(names)]);
    // A bracket that is missing between two entries makes one of them, with the second name.
    expect(text(SCRIPT).match(/^ {4}name: '/gm)).toHaveLength(names.length);
  });

  test.for(DEFECTS)('$name changes text that is there exactly once', (defect) => {
    for (const { file, find, replace } of [defect, ...(defect.also ?? [])]) {
      expect(text(file).split(find), `${file}: ${find}`).toHaveLength(2);
      expect(replace).not.toBe(find);
    }
  });

  test('name test files that exist', () => {
    const paths = DEFECTS.flatMap((defect) => (Array.isArray(defect.test) ? defect.test : []))
      .filter((argument: string) => argument.startsWith('test/'))
      // Vitest takes the beginning of a path, too.
      .filter(
        (path: string) =>
          !existsSync(join(ROOT, path)) && !existsSync(join(ROOT, `${path}.test.ts`)),
      );

    expect(paths).toEqual([]);
  });

  test('have a row each in CONTRIBUTING.md, in the same words', () => {
    const said = rows.map(([, name, what]) => `${name}: ${what}`);

    expect(said.toSorted()).toEqual(DEFECTS.map(({ name, what }) => `${name}: ${what}`).toSorted());
  });

  test('have rows that name tests of the files that are run for them', () => {
    const wrong = rows.filter(([, name, , noticed = '']) => {
      const run = DEFECTS.find((defect) => defect.name === name)?.test ?? [];
      if (noticed === 'the same') return false;
      if ('seeds' in run) return !/^seed \d+ of the simulation: /.test(noticed);
      const file = /^`(test\/[^`]+)`: /.exec(noticed)?.[1];
      return !run.some((path) => path.startsWith('test/') && file?.startsWith(path));
    });

    expect(wrong.map(([row]) => row)).toEqual([]);
  });
});
