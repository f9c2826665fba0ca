/**
 * `npm run break -- [name …]`: breaks the code on purpose, one defect after the other, and says which test notices.
 *
 * Each defect is one change to a copy of the working tree (what git knows of it, with uncommitted content) in a temporary
 * directory; the repository itself is never touched. Exit code 1 where a defect survived its tests, or where the text that it
 * replaces is not there exactly once any more.
 *
 * `npm run break -- --unbroken [name …]` runs the same tests without the changes: all have to pass.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFECTS } from './defects.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LIMIT_MS = 400_000;
/** A seed takes half a second on a quiet machine. */
const SEED_MS_MAX = 5_000;

const args = process.argv.slice(2);
const unbroken = args.includes('--unbroken');
const names = args.filter((arg) => arg !== '--unbroken');
const unknown = names.filter((name) => !DEFECTS.some((defect) => defect.name === name));
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(', ')}\nknown:\n`);
  for (const { name, what } of DEFECTS) process.stderr.write(`  ${name}: ${what}\n`);
  process.exit(2);
}

const named = DEFECTS.filter(({ name }) => names.length === 0 || names.includes(name));
const tests = named.map(({ test }) => JSON.stringify(test));
// Unbroken, the same test says the same thing again.
const wanted = named.filter((_, index) => !unbroken || tests.indexOf(tests[index]) === index);
let bad = 0;
for (const defect of wanted) {
  const startMs = Date.now();
  const result = await judge(defect);
  if (!result.good) bad += 1;
  const seconds = Math.round((Date.now() - startMs) / 1000);
  process.stdout.write(`${defect.name}: ${result.text} (${seconds} s)\n`);
}
process.stdout.write(`${wanted.length - bad} of ${wanted.length} as they should be\n`);
process.exitCode = bad === 0 ? 0 : 1;

async function judge(defect) {
  const dir = mkdtempSync(join(tmpdir(), 'walship-break-'));
  try {
    copyTree(dir);
    if (!unbroken) {
      for (const change of [defect, ...(defect.also ?? [])]) {
        const fault = breakFile(dir, change);
        if (fault !== undefined) return { good: false, text: fault };
      }
    }
    const found = Array.isArray(defect.test)
      ? await runVitest(dir, defect.test)
      : await runSeeds(dir, defect.test);
    if (found.kind === 'error') return { good: false, text: `ERROR: ${found.text}` };
    if (unbroken) {
      const good = found.kind === 'passed';
      return { good, text: good ? 'passes' : `FAILS: ${found.text}` };
    }
    return found.kind === 'passed'
      ? { good: false, text: 'SURVIVED' }
      : { good: true, text: `caught by ${found.text}` };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function copyTree(dir) {
  const listed = spawnSync('git', ['ls-files', '-coz', '--exclude-standard', '--deduplicate'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (listed.status !== 0) throw new Error(listed.stderr);
  for (const path of listed.stdout.split('\0')) {
    // What was deleted and not committed is in the list and not in the tree.
    if (path !== '') cpSync(join(ROOT, path), join(dir, path), { recursive: true, force: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
}

/** Undefined, or what is wrong with the description of the change. */
function breakFile(dir, { file, find, replace }) {
  const path = join(dir, file);
  const text = readFileSync(path, 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) return `OUTDATED: in ${file} its text occurs ${count} times, expected once`;
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  return undefined;
}

/** The first test that fails, by file and title. */
async function runVitest(dir, testArgs) {
  const outputFile = join(dir, 'result.json');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=json', `--outputFile=${outputFile}`];
  const run = [vitest, 'run', '--bail', '1', '--root', dir, ...reporters, ...testArgs];
  const { code, output } = await execute(dir, run, () => false);
  if (code === undefined) return { kind: 'error', text: `no end within ${LIMIT_MS} ms` };
  let result;
  try {
    result = JSON.parse(readFileSync(outputFile, 'utf8'));
  } catch {
    return { kind: 'error', text: `no result: ${output.slice(-500)}` };
  }
  if (result.numTotalTests === 0) return { kind: 'error', text: 'no test was run' };
  for (const { name, assertionResults } of result.testResults) {
    const failed = assertionResults.find(({ status }) => status === 'failed');
    if (failed !== undefined) {
      return { kind: 'failed', text: `${name.slice(dir.length + 1)}: ${failed.fullName}` };
    }
  }
  // An error outside of any test, such as a file that cannot be loaded, proves nothing.
  return code === 0 && result.success
    ? { kind: 'passed' }
    : { kind: 'error', text: `no test failed, and yet: ${output.slice(-500)}` };
}

/** The first seed that fails, with what the checker says. */
async function runSeeds(dir, { seeds, from }) {
  const compiler = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'];
  const lax = ['--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
  const built = await execute(dir, [...compiler, ...lax], () => false);
  if (built.code !== 0) return { kind: 'error', text: `it does not compile: ${built.output}` };
  const run = ['dist/sim/main.js', '--seeds', String(seeds), '--from', String(from)];
  const failed = (line) => /^seed \d+ FAILED/.test(line);
  const { code, output } = await execute(dir, run, failed, LIMIT_MS + seeds * SEED_MS_MAX);
  const failure = /^seed (\d+) FAILED: (.*)$/m.exec(output);
  if (failure !== null) return { kind: 'failed', text: `seed ${failure[1]}: ${failure[2]}` };
  if (code === 0) return { kind: 'passed' };
  return { kind: 'error', text: output.slice(-500) };
}

/** Runs node; ends it early at a line that says enough. The code is undefined where it had to be ended for time. */
function execute(cwd, argv, enough, limitMs = LIMIT_MS) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CI: '', NO_COLOR: '1' };
    const child = spawn(process.execPath, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const lines = [];
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limitMs);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (enough(line)) child.kill('SIGKILL');
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: late ? undefined : (code ?? 1), output: lines.join('\n') });
    });
  });
}
