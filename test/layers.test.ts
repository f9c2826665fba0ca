/**
 * Goal: the folders of `src` show the architecture: each one imports what lies below it, and nothing goes round.
 * Verifies: every import of every file, types included, against the one table of who may import whom; no circle between two files.
 */
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesUnder, modulesOf } from './imports.ts';

const CORE =
  'ports wal wal/format wal/files wal/snapshot wal/recovery wal/read store protocol leader follower';
const REPLICA = `${CORE} node/api node/cluster node/replica`;
const ROLE = `${REPLICA} node/rules node/requests node/election node/repair`;
const FACTS = 'ports wal/format wal/files wal/snapshot wal/tools node/api';

/** Each folder with the folders whose files its own files may import, lowest first. `errors.ts` is for all. */
const TABLE: Readonly<Record<string, string>> = {
  ports: '',
  config: 'ports wal/format',

  'wal/format': 'ports',
  'wal/files': 'ports wal/format',
  'wal/snapshot': 'ports wal/format wal/files',
  'wal/recovery': 'ports wal/format wal/files wal/snapshot',
  'wal/read': 'ports wal/format',
  'wal/write': 'ports wal/format wal/files',
  'wal/tools': 'ports wal/format wal/files wal/snapshot wal/recovery',
  wal: 'ports wal/format wal/files wal/snapshot wal/recovery wal/read wal/write wal/tools',

  store: 'ports wal/format',
  protocol: 'ports wal/format',
  leader: 'ports wal/format wal/read wal protocol',
  follower: 'ports wal/format wal/files wal/write wal protocol',
  client: 'ports wal/format protocol',

  'node/rules': 'wal/format protocol leader',
  'node/api': 'ports wal/format node/rules',
  'node/cluster': 'ports protocol node/api',
  'node/replica': `${CORE} node/api node/cluster`,
  'node/requests': REPLICA,
  'node/election': `${REPLICA} node/rules node/requests`,
  'node/repair': REPLICA,
  'node/role': ROLE,
  'node/status': `${ROLE} node/role`,
  'node/orders': `${ROLE} node/role`,
  node: `${ROLE} node/role node/status node/orders`,

  server: 'ports wal/format protocol node/api node',

  check: 'wal/format',
  sim: `${CORE} check node/api node/requests node`,
  testing: 'ports check sim',

  'drill/faults': 'ports',
  'drill/recording': `${FACTS} check drill/faults`,
  'drill/inside': 'ports wal/format',
  'drill/target': `${FACTS} wal client config drill/faults drill/recording drill/inside`,
  'drill/scenario': 'ports node/rules drill/faults drill/target',
  'drill/run': `${FACTS} drill/faults drill/recording drill/target drill/scenario`,
  'drill/load': `${FACTS} check client drill/recording drill/target drill/run`,
  'drill/judge': `${FACTS} check drill/faults drill/recording drill/target drill/run drill/load`,
  'drill/report': `${FACTS} drill/recording drill/run drill/judge`,

  cli:
    `${FACTS} store protocol node/replica node server client config drill/recording drill/inside ` +
    'drill/target drill/scenario drill/run drill/load drill/judge drill/report',
  // The package's entry point exports a node and the real ports.
  '': 'ports wal/format node/api node/cluster node server',
};
const MAY_IMPORT = new Map(
  Object.entries(TABLE).map(
    ([folder, others]) => [folder, others.split(' ').filter((name) => name !== '')] as const,
  ),
);

const imports = new Map(filesUnder('src', '.ts').map((path) => [path, importsOf(path)]));

test('every folder is in the table, and there are no others', () => {
  const found = new Set([...imports.keys()].map(folderOf));

  expect([...found].toSorted()).toEqual([...MAY_IMPORT.keys()].toSorted());
});

describe('imports', () => {
  test.for([...MAY_IMPORT])('of %s go where they may', ([folder, allowed]) => {
    const wrong = [...imports]
      .filter(([path]) => folderOf(path) === folder)
      .flatMap(([path, targets]) => targets.map((target) => ({ path, target })))
      .filter(({ target }) => target !== 'src/errors.ts' && folderOf(target) !== folder)
      .filter(({ target }) => !allowed.includes(folderOf(target)));

    expect(wrong.map(({ path, target }) => `${path} -> ${target}`)).toEqual([]);
  });

  test('go round nowhere, neither between folders nor between files', () => {
    expect(circlesOf(MAY_IMPORT)).toEqual([]);
    expect(circlesOf(imports)).toEqual([]);
  });
});

/** The parts of a graph, sorted, in which each node is reached from each other. Tarjan, Depth-first search and linear graph algorithms, 1972. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const numbers = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string): number => {
    const number = numbers.size;
    let low = number;
    numbers.set(node, number);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!numbers.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, numbers.get(next) ?? low);
    }
    if (low === number) {
      const circle = stack.splice(stack.indexOf(node));
      if (circle.length > 1) circles.push(circle.toSorted());
    }
    return low;
  };
  for (const node of graph.keys()) if (!numbers.has(node)) visit(node);
  return circles;
}

/** The folder of a source file, two levels deep: `wal/format`; empty for the files directly in `src`. */
function folderOf(path: string): string {
  return path.split('/').slice(1, -1).slice(0, 2).join('/');
}

/** The relative imports of a file, as paths from the root. */
function importsOf(path: string): string[] {
  return modulesOf(path)
    .filter((from) => from.startsWith('.'))
    .map((from) => join(dirname(path), from));
}
