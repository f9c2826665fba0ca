/**
 * npm run bench [-- name …]: runs the figures in bench/*.bench.mjs and prints one table.
 *
 * A figure is a file that exports `figures`: a list of { name, goal?, run }. `run` returns { value, unit, base?, ratio?, note? }; the
 * ratio compares with something bare that was measured in the same run, since machines differ and are busy. To add one,
 * add a file.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const here = fileURLToPath(new URL('.', import.meta.url));
/** Prints the rows of one file as JSON. */
const ROWS_OF = '--rows-of';

if (process.argv[2] === ROWS_OF) {
  console.log(JSON.stringify(await rowsOf(process.argv[3])));
} else {
  const wanted = process.argv.slice(2);
  const files = readdirSync(here)
    .filter((name) => name.endsWith('.bench.mjs'))
    .filter((name) => wanted.length === 0 || wanted.includes(groupOf(name)));
  // Each file has a process of its own: what one leaves behind would be memory and compiled code for the next.
  print(
    files.toSorted().flatMap((file) => {
      const args = ['--expose-gc', self, ROWS_OF, file];
      const options = { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' };
      return JSON.parse(execFileSync(process.execPath, args, options));
    }),
  );
  console.log(
    `\n${cpus().length} x ${cpus()[0]?.model ?? 'cpu'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, ` +
      `node ${process.version}, ${new Date().toISOString().slice(0, 10)}, ${commit()}`,
  );
}

function groupOf(file) {
  return file.slice(0, -'.bench.mjs'.length);
}

async function rowsOf(file) {
  const { figures } = await import(new URL(file, import.meta.url));
  const rows = [];
  for (const { name, goal, run } of figures) {
    process.stderr.write(`${groupOf(file)}: ${name} …\n`);
    const result = await run();
    const met =
      goal === undefined || result.ratio === undefined
        ? ''
        : goal.most === undefined
          ? result.ratio >= goal.least
          : result.ratio <= goal.most;
    rows.push({
      figure: `${groupOf(file)}: ${name}`,
      value: `${format(result.value)} ${result.unit}`,
      base: result.base ?? '',
      ratio: result.ratio === undefined ? '' : result.ratio.toFixed(2),
      goal:
        goal === undefined ? '' : goal.most === undefined ? `>= ${goal.least}` : `<= ${goal.most}`,
      met: met === '' ? '' : met ? 'yes' : 'NO',
      note: result.note ?? '',
    });
  }
  return rows;
}

function format(value) {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

function print(table) {
  const columns = ['figure', 'value', 'base', 'ratio', 'goal', 'met', 'note'];
  const width = (column) => Math.max(column.length, ...table.map((row) => row[column].length));
  const line = (cells) => cells.join(' | ').trimEnd();
  console.log(line(columns.map((column) => column.padEnd(width(column)))));
  console.log(columns.map((column) => '-'.repeat(width(column))).join('-|-'));
  for (const row of table) {
    console.log(line(columns.map((column) => row[column].padEnd(width(column)))));
  }
}

function commit() {
  try {
    return `commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here }).toString().trim()}`;
  } catch {
    return 'no commit';
  }
}
