import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { FIELD_NAMES, defaultText, fieldOf, flagOf } from '../../src/config/fields.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { Terminal } from './terminal.ts';

const COMMANDS = [
  'serve',
  'demo',
  'status',
  'put',
  'get',
  'del',
  'scan',
  'watch',
  'wait',
  'events',
  'promote',
  'switchover',
  'snapshot',
  'failover',
  'rejoin',
  'bench',
  'log dump',
  'log verify',
  'log diff',
  'log repair',
  'log export',
  'saved list',
  'saved show',
  'saved export',
  'drill',
  'drill list',
  'drill all',
  'drill selftest',
];

async function run(...args: string[]): Promise<{ code: number; io: Terminal }> {
  const io = new Terminal();
  return { code: await runCommandLine(args, io), io };
}

describe('command line', () => {
  test.for(COMMANDS)('%s --help has an example and is a success', async (command) => {
    const { code, io } = await run(...command.split(' '), '--help');

    expect(code).toBe(0);
    expect(io.stdout).toMatch(new RegExp(`\\nExamples?:\\n {2}walship ${command}[ \\n]`));
  });

  test('every command of the help is found by its name alone', async () => {
    const { io } = await run('--help');
    const names = [...io.stdout.matchAll(/^ {2}([a-z]+) .*\S$/gm)].map(([, name]) => name ?? '');

    expect(names).toContain('serve');
    for (const name of names.filter((found) => found !== 'help')) {
      expect((await run(name, '--help')).io.stdout).toContain(`Usage: walship ${name} `);
    }
  });

  test('serve --help shows every option of the table with its sentence and default', async () => {
    const { io } = await run('serve', '--help');
    const words = io.stdout.replaceAll(/\s+/g, ' ');

    for (const name of FIELD_NAMES) {
      const field = fieldOf(name);
      expect(words, name).toContain(flagOf(name));
      expect(words, name).toContain(field.doc);
      expect(words, name).toContain(defaultText(field));
    }
  });

  test('--version is that of the package', async () => {
    const { code, io } = await run('--version');

    expect(code).toBe(0);
    expect(io.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.for([
    ['no command', [], 'Usage: walship'],
    ['an unknown command', ['sevre'], "walship: CONFIG_INVALID: unknown command 'sevre'"],
    [
      'an unknown option',
      ['serve', '--quorun', '2'],
      "walship: CONFIG_INVALID: unknown option '--quorun'",
    ],
    [
      'a missing argument',
      ['put', 'k'],
      "walship: CONFIG_INVALID: missing required argument 'VALUE'",
    ],
    ['an argument too many', ['get', 'k', 'j'], 'walship: CONFIG_INVALID: too many arguments'],
    [
      'a number that is none',
      ['bench', '--rate', 'fast'],
      'walship: CONFIG_INVALID: --rate must be a whole number in [1, 1000000], not "fast"',
    ],
    [
      'a level that is none',
      ['put', 'k', 'v', '--ack', 'two'],
      "walship: CONFIG_INVALID: option '--ack <level>' argument 'two' is invalid",
    ],
    [
      'an address that is none',
      ['get', 'k', '--url', 'ftp://x'],
      'walship: CONFIG_INVALID: a node\'s address is HOST:PORT or http://HOST:PORT, not "ftp://x"',
    ],
  ] as const)('%s fails with a code and says what is wrong', async ([, args, message]) => {
    const { code, io } = await run(...args);

    expect(code).toBe(1);
    expect(io.stderr).toContain(message);
    expect(io.stdout).toBe('');
  });

  test.for([
    ['get', 'k'],
    ['put', 'k', 'v'],
    ['del', 'k'],
    ['scan'],
    ['watch'],
    ['wait', '1.1'],
    ['status'],
    ['events'],
    ['promote'],
    ['switchover', '--to', 'n2'],
    ['failover'],
    ['rejoin'],
    ['snapshot'],
    ['bench'],
  ])('%s sends nothing to an address that asks for TLS or holds a password', async (args) => {
    const node = createServer(() => {});
    let connections = 0;
    node.on('connection', () => (connections += 1));
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
    const { port } = node.address() as AddressInfo;

    for (const url of [`https://127.0.0.1:${port}`, `http://ann:secret@127.0.0.1:${port}`]) {
      const { code, io } = await run(...args, '--url', url);

      expect(code).toBe(1);
      expect(io.stderr).toContain("CONFIG_INVALID: a node's address is HOST:PORT");
      expect(io.stderr).not.toContain('secret');
    }
    node.close();
    expect(connections).toBe(0);
  });

  test('serve lists all that is wrong with its options', async () => {
    const { code, io } = await run(
      'serve',
      '--node',
      'n9',
      '--peers',
      'n1=a:1',
      '--quorum',
      '7',
      '--initial-leader',
      'n9',
    );

    expect(code).toBe(1);
    expect(io.stderr).toContain('--data is required');
    expect(io.stderr).toContain('--initial-leader must be one of --peers (n1), not "n9"');
    expect(io.stderr).toContain('--quorum must be in [1, 1]');
    expect(io.stderr).toContain('hint: ');
  });

  test('with --json a failure is JSON too', async () => {
    const { code, io } = await run('get', '', '--json');

    expect(code).toBe(1);
    expect(JSON.parse(io.stderr)).toMatchObject({
      error: { code: 'KEY_INVALID', message: 'the key is empty' },
    });
  });
});
