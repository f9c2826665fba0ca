import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { scenarioNames } from '../../src/drill/scenario/catalog.ts';
import { Terminal } from './terminal.ts';

async function run(...args: readonly string[]): Promise<Terminal & { readonly code: number }> {
  const terminal = new Terminal();
  const code = await runCommandLine(['drill', ...args], terminal);
  return Object.assign(terminal, { code });
}

describe('walship drill', () => {
  test('list has a line for each scenario, and says which are meant to lose', async () => {
    const { code, stdout } = await run('list');

    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n').slice(1);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(scenarioNames());
    const losing = lines.filter((line) => line.includes('--expect-loss'));
    expect(losing.map((line) => line.split(' ')[0])).toEqual(['forced-failover', 'local-failover']);
  });

  test('list prints JSON where it is asked to', async () => {
    const { stdout } = await run('list', '--json');

    const [first] = JSON.parse(stdout) as readonly Record<string, unknown>[];
    expect(Object.keys(first ?? {})).toEqual([
      'name',
      'about',
      'lesson',
      'loss',
      'nodes',
      'quorum',
    ]);
  });

  const refusals: readonly (readonly [string, readonly string[], string])[] = [
    ['a scenario that there is not', ['leader-kil'], 'there is no scenario "leader-kil"'],
    ['a loss that nobody expects', ['local-failover'], 'local-failover is meant to lose writes'],
    [
      'an expectation of loss where there must be none',
      ['leader-kill', '--expect-loss'],
      'leader-kill must not lose anything',
    ],
    [
      'a duration that is none',
      ['leader-kill', '--duration', 'long'],
      '--duration must be a time such as',
    ],
    ['a place that there is not', ['leader-kill', '--target', 'moon'], 'local, compose'],
  ];

  test.for(refusals)('refuses %s before anything is started', async ([, args, message]) => {
    const { code, stderr } = await run(...args);

    expect(code).toBe(1);
    expect(stderr).toContain('CONFIG_INVALID');
    expect(stderr).toContain(message);
  });
});
