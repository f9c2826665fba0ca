/**
 * Goal: a few drills as a user runs them, each of them green: no power, no leader, no network, no disk, and one that loses what was predicted.
 * Method: the command line, its exit code and what it writes; the seed is in the name of the failure.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/drill/judge/verdict.ts';
import { Program, runCommand } from './cluster.ts';

const SEED = 20_261;
const DRILLS: readonly (readonly [name: string, ...flags: string[]])[] = [
  ['leader-kill'],
  ['power-cut-all'],
  ['leader-isolated'],
  ['fsync-error'],
  ['no-descriptors'],
  ['local-failover', '--expect-loss'],
];

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'walship-drill-test-'));
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

describe('walship drill', () => {
  test.for(DRILLS)('%s is green', async ([name, ...flags]) => {
    const json = path.join(dir, `${name}.json`);
    const report = path.join(dir, `${name}.html`);
    const more = ['--seed', String(SEED), '--json', json, '--report', report];

    const ended = await runCommand('drill', name, ...flags, ...more);

    expect(ended.code, `seed ${SEED}\n${ended.stdout}\n${ended.stderr}`).toBe(0);
    expect(ended.stdout).toContain(`GREEN  ${name}`);
    const { verdict } = JSON.parse(await readFile(json, 'utf8')) as { readonly verdict: Verdict };
    expect(verdict.passed).toBe(true);
    expect(await readFile(report, 'utf8')).toContain('<html');
  });

  test('refuses a scenario that loses writes unless that is expected', async () => {
    const ended = await runCommand('drill', 'forced-failover');

    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('CONFIG_INVALID: forced-failover is meant to lose writes');
  });

  test('ends everything that it started where it is interrupted', async () => {
    const drill = new Program(['drill', 'leader-kill', '--seed', String(SEED)]);
    await expect.poll(() => drill.output, { timeout: 60_000 }).toContain('is killed');

    const ended = await drill.end('SIGINT');

    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('ABORTED: leader-kill was interrupted');
  });
});
