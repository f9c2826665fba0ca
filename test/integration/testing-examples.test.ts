/**
 * Goal: the examples of docs/testing.md run as they stand there, through the names that the package exports.
 * Method: each block of code is put into a file of a program that has walship installed, and run by node.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let dir = '';
let blocks: readonly string[] = [];
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'walship-embeds-'));
  await mkdir(path.join(dir, 'node_modules'));
  await symlink(ROOT, path.join(dir, 'node_modules', 'walship'));
  const page = await readFile(path.join(ROOT, 'docs', 'testing.md'), 'utf8');
  blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function run(code: string): Promise<{ code: number | null; output: string }> {
  const file = path.join(dir, 'program.mjs');
  await writeFile(file, code);
  const child = spawn(process.execPath, [file], { cwd: dir });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return await new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

describe('a program that embeds walship', () => {
  test('finds nothing lost of a log with operations of its own, whenever the power goes', async () => {
    const { code, output } = await run(blocks[0] ?? '');

    expect(code, output).toBe(0);
    expect(Number(/^(\d+) power cuts, nothing lost$/m.exec(output)?.[1])).toBeGreaterThan(20);
  });

  test('finds out that it confirms before the log is durable', async () => {
    const careless = (blocks[0] ?? '').replace('await this.log.append', 'void this.log.append');

    const { code, output } = await run(careless);

    expect(code).toBe(1);
    expect(output).toMatch(/the power went at operation \d+: \d+ confirmed, \d+ there/);
  });

  test('moves money through a cluster that splits, and loses none', async () => {
    const { code, output } = await run(blocks[1] ?? '');

    expect(code, output).toBe(0);
    expect(output).toContain('no transfer was lost, none was torn');
  });
});
