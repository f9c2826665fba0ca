/** The imports of a source file, read from its text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Import {
  readonly from: string;
  /** Imported names; `*` for a whole module. */
  readonly names: readonly string[];
  /** True for `import()`, which loads the module when it is needed. */
  readonly isDynamic: boolean;
}

/** Lists the files under a folder whose names end so, as paths from the root, sorted. */
export function filesUnder(folder: string, extension: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name))
    .toSorted();
}

/** Lists the modules that a file names in imports and re-exports, types and `import()` included. The path begins at the root. */
export function modulesOf(path: string): string[] {
  const text = withoutComments(readFileSync(join(ROOT, path), 'utf8'));
  const found = text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*'([^']+)'/gm);
  return [...found].map(([, from = '']) => from);
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const known = new Map<string, readonly Import[]>();

/** Lists the imports and re-exports of a file, types left out. The path begins at the root. */
export function importsOf(path: string): readonly Import[] {
  let imports = known.get(path);
  if (imports === undefined) {
    imports = parse(withoutComments(readFileSync(join(ROOT, path), 'utf8')));
    known.set(path, imports);
  }
  return imports;
}

export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

function parse(text: string): Import[] {
  const fixed = /^(?:import|export)(?! type\b)\s([^;']*?)\s*\bfrom\s*'([^']+)'/gm;
  const whole = /^import\s*'([^']+)'/gm;
  const dynamic = /\bimport\(\s*'([^']+)'/g;
  return [
    ...[...text.matchAll(fixed)].map(([, names = '', from = '']) => {
      return { from, names: namesIn(names), isDynamic: false };
    }),
    ...[...text.matchAll(whole)].map(([, from = '']) => ({ from, names: [], isDynamic: false })),
    ...[...text.matchAll(dynamic)].map(([, from = '']) => ({
      from,
      names: ['*'],
      isDynamic: true,
    })),
  ];
}

/** The names between the braces of an import, types left out. */
function namesIn(clause: string): string[] {
  const braces = /^\{([^}]*)\}$/.exec(clause.trim());
  if (braces === null) return ['*'];
  return (braces[1] ?? '')
    .split(',')
    .map((name) => name.trim().replace(/ as .*/, ''))
    .filter((name) => name !== '' && !name.startsWith('type '));
}
