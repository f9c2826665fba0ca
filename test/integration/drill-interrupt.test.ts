/**
 * Goal: a drill that is interrupted is over at once, and leaves no process and no file.
 * Method: real processes in a temporary directory of their own; what runs is asked of `ps`, by that directory.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Program, PROGRAM, until } from './cluster.ts';

/** Far less than it takes a node to get ready, a watch to be given up, or an order to be answered: 10 to 30 s. */
const OVER_MS_MAX = 4_000;

/** Who is paused answers no order, for 15 s; that it was given shows what is done behind it. */
const HANGS = `
name: hangs
about: An order gets no answer.
steps:
  - { after: 1s, pause: n2 }
  - { at-once: [{ promote: n2 }, { reset: n1, to: n3 }] }
`;

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'walship-interrupted-'));
  vi.stubEnv('TMPDIR', dir);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

/** The command lines of nodes that run there. */
function nodesThatRun(): readonly string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes('serve') && line.includes(dir));
}

async function expectNothingLeft(): Promise<void> {
  await until('no node runs', () => nodesThatRun().length === 0);
  const left = await readdir(dir);
  expect(left.filter((name) => name.startsWith('walship-drill-'))).toEqual([]);
}

describe('a drill that is interrupted', () => {
  const moments: readonly (readonly [what: string, args: readonly string[], comes: RegExp])[] = [
    ['while the nodes get ready', ['leader-kill'], /starts 3 nodes/],
    ['while the leader is dead', ['leader-kill'], /n1 is killed/],
    ['while an order waits for its answer', ['hangs.yaml'], /n1 and n3 are reset/],
  ];
  test.for(moments)('%s is over at once, and leaves nothing', async ([, args, comes]) => {
    const hangs = path.join(dir, 'hangs.yaml');
    await writeFile(hangs, HANGS);
    const named = args.map((arg) => (arg === 'hangs.yaml' ? hangs : arg));
    const drill = new Program(['drill', ...named, '--seed', '7']);
    await until(
      `it says ${comes.source}`,
      () => comes.test(drill.output) && nodesThatRun().length > 0,
    );

    const beganMs = performance.now();
    const ended = await drill.end('SIGINT');

    expect(performance.now() - beganMs).toBeLessThan(OVER_MS_MAX);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('was interrupted');
    await expectNothingLeft();
  });
});

test('a process that ends in this very turn kills its nodes and removes their files', async () => {
  const module = path.join(path.dirname(PROGRAM), '../drill/target/local-target.js');
  const script = `
    const { LocalTarget } = await import(${JSON.stringify(module)});
    const target = new LocalTarget({ program: ${JSON.stringify(PROGRAM)}, seed: 1 });
    const shape = { nodes: 3, quorum: 2, failover: 'manual', options: {} };
    await target.start(shape, new AbortController().signal);
    console.log('started');
    process.on('SIGINT', () => process.exit(130));
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script]);
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  expect(nodesThatRun()).toHaveLength(3);
  child.kill('SIGINT');

  expect(await ended).toEqual([130, null]);
  await expectNothingLeft();
});
