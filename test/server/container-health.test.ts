/** Goal: the health check of the image tells a ready node from one that is not, without starting Node. Method: the command of the Dockerfile, at a server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FakeNode } from './fake-node.ts';
import { serverOf } from './harness.ts';

const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
const [, command = '[]'] = /^HEALTHCHECK [^[]*CMD (\[.*\])$/m.exec(dockerfile) ?? [];
const [program = '', ...args] = JSON.parse(command) as string[];

/** Resolves with the exit code of the health check of a node at `port`. */
async function check(port: number): Promise<unknown> {
  const given = args.map((arg) => arg.replace('7401', String(port)));
  const [code] = (await once(spawn(program, given, { stdio: 'ignore' }), 'exit')) as unknown[];
  return code;
}

test('the health check of the image goes by /readyz', async () => {
  const node = new FakeNode();
  const { server } = await serverOf(node);
  const { port } = server.address;

  expect(await check(port)).toBe(0);
  node.view = { notReady: { code: 'NO_LEADER', message: 'no leader was found' } };
  expect(await check(port)).toBe(1);
  node.view = {};
  expect(await check(port)).toBe(0);
  await server.close();
  expect(await check(port)).not.toBe(0);
});

test('the health check of the image starts a shell and no more', () => {
  expect(program).toBe('bash');
  expect(command).not.toMatch(/\bnode\b|curl|wget/);
});
