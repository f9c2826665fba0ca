/** The rules of style that a program can check. */
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import config from '../vitest.config.ts';
import { fieldsAsMarkdown } from '../src/config/fields.ts';
import { scenariosAsMarkdown } from '../src/drill/scenario/catalog-markdown.ts';
import { filesUnder, importsOf, modulesOf, withoutComments } from './imports.ts';
import { forbiddenImport } from './unit-files.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Width of prose in Markdown. */
const COLUMNS_MAX = 120;
/** Outside of these, everything runs on simulated disk, clock, network and randomness. */
const REAL_WORLD = [
  /^src\/server\//,
  /^src\/(cli|config)\//,
  /^src\/ports\/(node|system|ws|free)-/,
  /^src\/sim\//,
  /^src\/drill\//,
];
/** The package's entry points hand the real ports to those who want no others. */
const ENTRY_POINTS = ['src/wal/index.ts', 'src/client/index.ts', 'src/index.ts'];

interface Source {
  readonly path: string;
  readonly text: string;
  /** What it imports or exports from, as written. */
  readonly imports: readonly string[];
}

const sources = filesUnder('src', '.ts').map(read);
const tests = [...filesUnder('test', '.ts'), ...filesUnder('bench', '.mjs')].map(read);

describe('source files', () => {
  test('leave nothing to be done later', () => {
    const word = new RegExp(
      `\\b(${['TO', 'FIX'].map((start) => `${start}${start === 'TO' ? 'DO' : 'ME'}`).join('|')})\\b`,
    );
    const unfinished = [...sources, ...tests].filter(({ text }) => word.test(text));

    expect(unfinished.map(({ path }) => path)).toEqual([]);
  });

  test('doc comments begin with a verb or with the noun that they describe', () => {
    const clause =
      /\/\*\*[\s*]+(?:What|Of|Where|Whether|It|As|And|So|How|Who|Whoever|By|Once|Everything|Nothing|All of it|For people|A copy\.)(?![\w-]).*/g;
    const found = sources.flatMap(({ path, text }) =>
      [...text.matchAll(clause)].map(([comment]) => `${path}: ${comment}`),
    );

    expect(found).toEqual([]);
  });

  test('import each package in exactly one file', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    // Types that come along for those who embed us are of no use at run time.
    const packages = Object.keys(manifest.dependencies).filter(
      (name) => !name.startsWith('@types/'),
    );
    const users = packages.map((name) => [
      name,
      importersOf((from) => from === name || from.startsWith(`${name}/`)).length,
    ]);

    expect(users).toEqual(packages.map((name) => [name, 1]));
  });

  test('import relative files by their whole name', () => {
    const short = importersOf((from) => from.startsWith('.') && !from.endsWith('.ts'));

    expect(short).toEqual([]);
  });
});

describe('the simulated core', () => {
  test('what runs in a simulation takes time, chance and disk from the ports alone', () => {
    const impureModule =
      /^(node:(fs|net|http|timers|child_process|os|process|worker_threads|dns|tls)|ws$|pino$)/;
    const impureWord =
      /\b(setTimeout|setInterval|setImmediate|Date\.now|new Date(?=\(\))|randomBytes|randomUUID|getRandomValues|Math\.random|performance\.now|process(?=\.(?!memoryUsage)))\b/;
    const core = sources.filter(
      ({ path }) =>
        !ENTRY_POINTS.includes(path) && !REAL_WORLD.some((pattern) => pattern.test(path)),
    );
    const impure = core.filter(
      ({ text, imports }) =>
        imports.some((from) => impureModule.test(from)) || impureWord.test(withoutComments(text)),
    );

    expect(impure.map(({ path }) => path)).toEqual([]);
  });
});

describe('the rule for unit tests', () => {
  test.for([
    ['src/errors.ts', undefined],
    ['test/tidy.test.ts', undefined],
    ['test/server/harness.ts', 'test/server/harness.ts -> node:http'],
    ['src/ports/node-disk.ts', 'src/ports/node-disk.ts -> node:fs'],
    ['src/sim/main.ts', / -> src\/sim\/sim-cluster\.ts$/],
    // By `import()`.
    ['src/cli/main.ts', / -> node:/],
  ] as const)('finds the forbidden import of %s: %s', ([path, expected]) => {
    const found = forbiddenImport(path);

    if (expected instanceof RegExp) expect(found).toMatch(expected);
    else expect(found).toBe(expected);
  });

  test('leaves no test file out', () => {
    const all = filesUnder('test', '.test.ts');
    const included = (config.test?.projects ?? []).flatMap((project) =>
      typeof project === 'object' && 'test' in project ? (project.test?.include ?? []) : [],
    );
    const run = included.flatMap((pattern) =>
      pattern.endsWith('/**/*.test.ts')
        ? all.filter((path) => path.startsWith(pattern.slice(0, -'**/*.test.ts'.length)))
        : [pattern],
    );

    expect(run.toSorted()).toEqual(all);
  });
});

test('a node loads no code of other commands, and few packages, when it starts', () => {
  const started = new Set<string>();
  const packages = new Set<string>();
  const load = (path: string): void => {
    if (started.has(path)) return;
    started.add(path);
    for (const { from, isDynamic } of importsOf(path)) {
      if (isDynamic) continue;
      if (from.startsWith('.')) load(join(dirname(path), from));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  };
  // The first one is the program; it loads the others for `serve`.
  for (const name of ['main', 'run-commands', 'serve-parts']) load(`src/cli/${name}.ts`);
  const others = /^src\/(client|drill|sim|testing)\/|^src\/cli\/(?!run).*-commands\.ts$/;

  expect([...started].filter((path) => others.test(path))).toEqual([]);
  expect([...packages].toSorted()).toEqual([
    'commander',
    'crc-32',
    'find-my-way',
    'msgpackr/pack',
    'pino',
    'prom-client/lib/counter.js',
    'prom-client/lib/gauge.js',
    'prom-client/lib/histogram.js',
    'prom-client/lib/registry.js',
    'valibot',
    'ws',
  ]);
});

describe('documentation', () => {
  const pages = [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...filesUnder('docs', '.md'),
    ...filesUnder('bench', '.md'),
  ];

  test.for(pages)('%s links to nothing that is not there', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const missing = targets
      .filter((target) => !/^(https?:|#|mailto:)/.test(target))
      .filter((target) => !existsSync(join(ROOT, dirname(page), target.replace(/#.*$/, ''))));

    expect(missing).toEqual([]);
  });

  test('docs/drills.md lists every scenario as its file has it', () => {
    const text = readFileSync(join(ROOT, 'docs/drills.md'), 'utf8');

    // npm run docs:drills writes it.
    expect(text).toContain(
      `<!-- drills:begin -->\n\n${scenariosAsMarkdown()}\n\n<!-- drills:end -->`,
    );
  });

  test('docs/configuration.md lists every option as the code has it', () => {
    const text = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8');

    // npm run docs:config writes it.
    expect(text).toContain(`<!-- config:begin -->\n\n${fieldsAsMarkdown()}\n\n<!-- config:end -->`);
  });

  test.for(pages)(
    `%s has lines of at most ${COLUMNS_MAX} columns, but for tables and code`,
    (page) => {
      const text = readFileSync(join(ROOT, page), 'utf8');
      const prose = text.replaceAll(/^ *```[^]*?^ *```$/gm, '');
      // A line without a space inside cannot be wrapped; spaces between backquotes are part of code.
      const wide = prose
        .split('\n')
        .filter((line) => line.length > COLUMNS_MAX && !line.startsWith('|'))
        .filter((line) =>
          /\S\s+\S/.test(line.replaceAll(/`[^`]*`/g, 'x').replace(/^\s*([-*]|\d+\.)\s+/, '')),
        );

      expect(wide).toEqual([]);
    },
  );
});

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, imports: modulesOf(path) };
}

/** Declarations are no importers: nothing is left of them at run time. */
function importersOf(wanted: (from: string) => boolean): string[] {
  const importing = sources.filter(({ path }) => !path.endsWith('.d.ts'));
  return importing.filter(({ imports }) => imports.some(wanted)).map(({ path }) => path);
}
