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

const here = fileURLToPath(new URL('.', import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(here).filter((name) => name.endsWith('.bench.mjs'));

const rows = [];
for (const file of files.toSorted()) {
  const group = file.slice(0, -'.bench.mjs'.length);
  if (wanted.length > 0 && !wanted.includes(group)) continue;
  const { figures } = await import(new URL(file, import.meta.url));
  for (const { name, goal, run } of figures) {
    process.stderr.write(`${group}: ${name} …\n`);
    const result = await run();
    const met =
      goal === undefined || result.ratio === undefined
        ? ''
        : goal.most === undefined
          ? result.ratio >= goal.least
          : result.ratio <= goal.most;
    rows.push({
      figure: `${group}: ${name}`,
      value: `${format(result.value)} ${result.unit}`,
      base: result.base ?? '',
      ratio: result.ratio === undefined ? '' : result.ratio.toFixed(2),
      goal:
        goal === undefined ? '' : goal.most === undefined ? `>= ${goal.least}` : `<= ${goal.most}`,
      met: met === '' ? '' : met ? 'yes' : 'NO',
      note: result.note ?? '',
    });
  }
}

print(rows);
console.log(
  `\n${cpus().length} x ${cpus()[0]?.model ?? 'cpu'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, ` +
    `node ${process.version}, ${new Date().toISOString().slice(0, 10)}, ${commit()}`,
);

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
