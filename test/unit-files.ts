/**
 * Divides test files into unit and component tests. A unit test loads no code that opens sockets, starts processes or threads,
 * writes files, or simulates a whole cluster. It may read the files of this repository, and use the simulated disk.
 */
import { dirname, join } from 'node:path';
import { filesUnder, importsOf } from './imports.ts';

/** Folders that are Vitest projects of their own. */
const OTHER_PROJECTS = /^test\/(integration|sim|compose)\//;
const OUTSIDE =
  /^(ws|node:(child_process|cluster|dgram|dns|fs|http|http2|https|net|tls|worker_threads)(\/promises)?)$/;
/** Names that a unit test may load from `node:fs`. */
const READING = /^(existsSync|readFileSync|readdirSync)$/;
const CLUSTER = 'src/sim/sim-cluster.ts';

/** Lists the test files of the projects `unit` and `component`, as paths from the root. */
export function testFiles(): { unit: string[]; component: string[] } {
  const files = filesUnder('test', '.test.ts').filter((path) => !OTHER_PROJECTS.test(path));
  const isUnit = (path: string): boolean => forbiddenImport(path) === undefined;
  return {
    unit: files.filter(isUnit),
    component: files.filter((path) => !isUnit(path)),
  };
}

/** Finds the first import that no unit test may load, as "file -> module". Follows `import()` too; undefined where there is none. */
export function forbiddenImport(start: string): string | undefined {
  // A set visits what is added to it while it is walked.
  const loaded = new Set([start]);
  for (const path of loaded) {
    for (const { names, from } of importsOf(path)) {
      const target = from.startsWith('.') ? join(dirname(path), from) : from;
      const isReading = from === 'node:fs' && names.every((name) => READING.test(name));
      if (target === CLUSTER || (OUTSIDE.test(from) && !isReading)) return `${path} -> ${target}`;
      if (from.startsWith('.')) loaded.add(target);
    }
  }
  return undefined;
}
