/** The command line: what each command is called and takes. What it does is in the file of its name. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { WalshipError } from '../errors.ts';
import { NodeDisk } from '../ports/node-disk.ts';
import { SystemClock } from '../ports/system-clock.ts';
import { bench } from './bench.ts';
import { TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX, URL_DEFAULT, parseNumber } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { loadConfig } from './config.ts';
import { del } from './del.ts';
import { demo } from './demo.ts';
import { FIELD_NAMES, boundsText, defaultText, fieldOf, flagOf } from './fields.ts';
import { get } from './get.ts';
import { logDiff } from './log-diff.ts';
import { logDump } from './log-dump.ts';
import { logRepair } from './log-repair.ts';
import { logVerify } from './log-verify.ts';
import { createLogger } from './logger.ts';
import { promote } from './promote.ts';
import { put } from './put.ts';
import { formatReport, reportOf } from './report-error.ts';
import { scan } from './scan.ts';
import { serve } from './serve.ts';
import { status } from './status.ts';
import { stopSignal } from './stop-signal.ts';
import { wait } from './wait.ts';
import { watch } from './watch.ts';

/** Options with a whole number. */
function number(flags: string, doc: string, bounds: { min: number; max: number }): Option {
  const name = flags.split(' ')[0] ?? flags;
  return new Option(flags, doc).argParser((text) => parseNumber(text, { name, ...bounds }));
}

function example(command: Command, ...lines: readonly string[]): Command {
  const label = lines.length === 1 ? 'Example' : 'Examples';
  return command.addHelpText('after', `\n${label}:\n${lines.map((l) => `  ${l}`).join('\n')}`);
}

function addJson(command: Command): Command {
  return command.option('--json', 'print JSON', false);
}

/** What every command that talks to a cluster takes. */
function addClientOptions(command: Command): Command {
  const url = new Option('--url <url>', 'address of a node; several are tried in turn')
    .default([URL_DEFAULT], URL_DEFAULT)
    .argParser((text: string, before: string[]) =>
      before[0] === URL_DEFAULT && before.length === 1 ? [text] : [...before, text],
    );
  const timeout = number('--timeout-ms <ms>', 'how long the server may take', {
    min: 1,
    max: TIMEOUT_MS_MAX,
  }).default(TIMEOUT_MS_DEFAULT);
  return addJson(command.addOption(url).addOption(timeout));
}

function addWriteOptions(command: Command): Command {
  const ack = new Option('--ack <level>', 'what to wait for')
    .choices(['local', 'quorum', 'all'])
    .default('quorum');
  return addClientOptions(command)
    .addOption(ack)
    .option('--key64', 'KEY is base64url', false)
    .option('--if-version <version>', 'only where the key is at this version')
    .option('--if-absent', 'only where there is no such key', false);
}

function addServe(program: Command, io: CommandIo): void {
  const command = program.command('serve').description('Run one node.');
  for (const name of FIELD_NAMES) {
    const field = fieldOf(name);
    const flags =
      field.kind === 'switch' ? flagOf(name) : `${flagOf(name)} <${field.placeholder ?? 'value'}>`;
    const bounds =
      field.kind === 'integer' || field.kind === 'choice' ? `${boundsText(field)}; ` : '';
    const fallback = field.required === true ? 'required' : `default: ${defaultText(field)}`;
    command.option(flags, `${field.doc} (${bounds}${fallback})`);
  }
  command.option('--config <file>', 'JSON file with the same options, as in {"heartbeatMs": 100}.');
  example(
    command.addHelpText(
      'after',
      '\nFlags win over WALSHIP_ variables (WALSHIP_HEARTBEAT_MS), and those over the file of --config.',
    ),
    'walship serve --node n1 --data /var/lib/walship --initial-leader n1 \\',
    '  --peers n1=127.0.0.1:7401,n2=127.0.0.1:7402,n3=127.0.0.1:7403',
  );
  command.action(async (flags: Record<string, unknown>) => {
    const config = loadConfig({ flags, env: process.env });
    const log = createLogger({ level: config.logLevel, fields: { node: config.node } });
    // Only here: the other commands start twice as fast without a whole node.
    const { nodeParts } = await import('./serve-parts.ts');
    await serve(config, { parts: nodeParts(log), io, log, signal: stopSignal() });
  });
}

function addDemo(program: Command, io: CommandIo): void {
  const seconds = number('--seconds <n>', 'end after this long; 0: only with Ctrl-C', {
    min: 0,
    max: 86_400,
  }).default(0);
  const command = program
    .command('demo')
    .description('Three nodes on this machine, a stream of writes, and where to look.')
    .addOption(seconds)
    .action(async (options: { seconds: number }) => {
      await demo({ ...options, program: process.argv[1] ?? '', signal: stopSignal() }, io);
    });
  example(command, 'walship demo --seconds 30');
}

function addReads(program: Command, io: CommandIo): void {
  const getCommand = addClientOptions(
    program.command('get').description('Print the bytes of a value.').argument('<KEY>'),
  )
    .option('--key64', 'KEY is base64url', false)
    .addOption(
      new Option('--read <level>', 'what the node has applied, or what the leader proves newest')
        .choices(['local', 'linearizable'])
        .default('local'),
    )
    .option('--min-version <version>', 'wait until the node has applied this version')
    .action(async (key: string, options) => await get(key, options, io));
  example(
    getCommand,
    'walship get greeting',
    'walship get greeting --min-version 3.42 > value.bin',
  );

  const scanCommand = addClientOptions(
    program.command('scan').description('List keys in byte order: key, version, value.'),
  )
    .option('--prefix <text>', 'only keys that begin with this')
    .option('--after <key>', 'begin behind this key')
    .addOption(number('--limit <n>', 'how many keys at most', { min: 1, max: 1e9 }).default(1_000))
    .action(async (options) => await scan(options, io));
  example(scanCommand, 'walship scan --prefix user/ --limit 20');

  const watchCommand = addClientOptions(
    program.command('watch').description('Print changes as they are applied, in log order.'),
  )
    .option('--prefix <text>', 'only keys that begin with this')
    .option('--after <version>', 'begin behind this version (default: now)')
    .addOption(
      number('--count <n>', 'end after this many changes; 0: never', { min: 0, max: 1e9 }).default(
        0,
      ),
    )
    .action(async (options) => await watch(options, io));
  example(watchCommand, 'walship watch --prefix user/ --after 3.42 --json');

  const waitCommand = addClientOptions(
    program.command('wait').description('Wait until a node has a version.').argument('<VERSION>'),
  )
    .addOption(
      new Option('--level <level>', 'how far it has to be')
        .choices(['durable', 'committed', 'applied'])
        .default('applied'),
    )
    .action(async (version: string, options) => await wait(version, options, io));
  example(waitCommand, 'walship wait 3.42 --level committed --url 127.0.0.1:7402');
}

function addWrites(program: Command, io: CommandIo): void {
  const putCommand = addWriteOptions(
    program
      .command('put')
      .description('Write a value and print its version.')
      .argument('<KEY>')
      .argument('<VALUE>', 'the value, or - for standard input'),
  ).action(async (key: string, value: string, options) => await put({ key, value }, options, io));
  example(putCommand, 'walship put greeting hello', 'walship put photo - --ack all < photo.jpg');

  const delCommand = addWriteOptions(
    program.command('del').description('Delete a key; an absent one too.').argument('<KEY>'),
  ).action(async (key: string, options) => await del(key, options, io));
  example(delCommand, 'walship del greeting --if-version 3.42');
}

function addOperations(program: Command, io: CommandIo): void {
  const statusCommand = addClientOptions(
    program
      .command('status')
      .description('The cluster: every voter, how far it is, and why anything waits.'),
  ).action(async (options: ClientOptions) => await status(options, io));
  example(statusCommand, 'walship status --url 127.0.0.1:7401,127.0.0.1:7402');

  const promoteCommand = addClientOptions(
    program.command('promote').description('Ask the node at --url to lead.'),
  ).action(async (options: ClientOptions) => await promote(options, io));
  example(promoteCommand, 'walship promote --url 127.0.0.1:7402');

  addBench(program, io);
}

function addBench(program: Command, io: CommandIo): void {
  const command = addClientOptions(
    program.command('bench').description('Load a running cluster with writes and measure it.'),
  )
    .addOption(
      number('--connections <n>', 'writes in flight at once', { min: 1, max: 4_096 }).default(16),
    )
    .addOption(number('--duration <s>', 'seconds', { min: 1, max: 86_400 }).default(10))
    .addOption(
      number('--value-bytes <n>', 'size of a value', { min: 0, max: 16_777_216 }).default(100),
    )
    .addOption(number('--keys <n>', 'different keys', { min: 1, max: 1e9 }).default(10_000))
    .addOption(
      new Option('--ack <level>', 'what to wait for')
        .choices(['local', 'quorum', 'all'])
        .default('quorum'),
    )
    .addOption(
      number(
        '--rate <n>',
        'writes due per second, measured from when they were due (default: as fast as answered)',
        {
          min: 1,
          max: 1_000_000,
        },
      ),
    )
    .action(async (options: ClientOptions & Parameters<typeof bench>[0] & { duration: number }) => {
      await bench({ ...options, rate: options.rate, durationMs: options.duration * 1_000 }, io);
    });
  example(
    command,
    'walship bench --connections 64 --duration 30',
    'walship bench --rate 500 --ack all',
  );
}

function addLog(program: Command, io: CommandIo): void {
  const log = program.command('log').description('Read data directories, without a running node.');
  const disk = new NodeDisk();
  type Json = { readonly json: boolean };

  const dumpCommand = addJson(
    log
      .command('dump')
      .description('Print every record and seal.')
      .argument('<PATH>', 'a data directory or a segment'),
  )
    .addOption(
      number('--from <lsn>', 'leave out batches that end before this', {
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      }).default(0),
    )
    .action(
      async (path: string, options: Json & { from: number }) =>
        await logDump({ disk, path }, options, io),
    );
  example(dumpCommand, 'walship log dump /var/lib/walship/n1 --from 1000 --json');

  const verifyCommand = addJson(
    log
      .command('verify')
      .description('Say what is wrong, and what a start would do.')
      .argument('<DIR>'),
  ).action(async (dir: string, options: Json) => await logVerify({ disk, dir }, options, io));
  example(verifyCommand, 'walship log verify /var/lib/walship/n1');

  const diffCommand = addJson(
    log
      .command('diff')
      .description('Compare logs as far as the shortest goes.')
      .argument('<DIR...>', 'two or more'),
  ).action(async (dirs: string[], options: Json) => await logDiff({ disk, dirs }, options, io));
  example(diffCommand, 'walship log diff /backup/n1 /backup/n2 /backup/n3');

  const repairCommand = addJson(
    log
      .command('repair')
      .description(
        'Save what is behind the last good record, and cut it off. The node must not run.',
      )
      .argument('<DIR>'),
  ).action(async (dir: string, options: Json) => {
    await logRepair({ disk, clock: new SystemClock(), dir }, options, io);
  });
  example(repairCommand, 'walship log repair /var/lib/walship/n1');
}

/** Every command, wired to `io`. */
function buildProgram(io: CommandIo): Command {
  const file = new URL('../../package.json', import.meta.url);
  const { version, description } = JSON.parse(readFileSync(file, 'utf8')) as {
    version: string;
    description: string;
  };
  const program = new Command('walship').description(`${description}.`).version(version);
  // Failures are reported in one way, by the caller; help and version go to `io` like everything else.
  program.exitOverride().configureOutput({
    writeOut: (text) => io.out(text),
    writeErr: (text) => io.err(text),
    outputError: () => {},
  });
  addServe(program, io);
  addDemo(program, io);
  addOperations(program, io);
  addWrites(program, io);
  addReads(program, io);
  addLog(program, io);
  return program;
}

/** Runs one command; resolves with the exit code, 0 only on success. What failed has been reported to `io` by then. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && isAnswered(error)) return error.exitCode;
    io.err(formatReport(reportOf(translated(error)), args.includes('--json')));
    return 1;
  }
}

/** Help and version end a command as errors do; they have been printed. */
function isAnswered(error: CommanderError): boolean {
  return error.exitCode === 0 || error.code === 'commander.help';
}

function translated(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const hint = 'walship --help and walship COMMAND --help say what is known';
  return new WalshipError('CONFIG_INVALID', message, { details: { hint } });
}
