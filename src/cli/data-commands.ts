/** The commands that read and write keys. */
import { Option } from './commander.ts';
import type { Command } from './commander.ts';
import { addClientOptions, example, number } from './command-options.ts';
import type { CommandIo } from './command-io.ts';
import { del } from './del.ts';
import { get } from './get.ts';
import { put } from './put.ts';
import { scan } from './scan.ts';
import { wait } from './wait.ts';
import { watch } from './watch.ts';

/** Adds `put`, `del`, `get`, `scan`, `watch`, `wait`. */
export function addData(program: Command, io: CommandIo): void {
  addWrites(program, io);
  addReads(program, io);
}

function addReads(program: Command, io: CommandIo): void {
  const getCommand = addClientOptions(
    program.command('get').description('Print the bytes of a value.').argument('<KEY>'),
  )
    .option('--key64', 'KEY is base64url', false)
    .addOption(
      new Option(
        '--read <level>',
        'local: what the node has applied; linearizable: the newest committed value',
      )
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
    .option('--prefix <text>', 'only keys with this prefix')
    .option('--after <key>', 'start after this key')
    .addOption(number('--limit <n>', 'maximum number of keys', { min: 1, max: 1e9 }).default(1_000))
    .action(async (options) => await scan(options, io));
  example(scanCommand, 'walship scan --prefix user/ --limit 20');

  const watchCommand = addClientOptions(
    program.command('watch').description('Print changes in log order, as they are applied.'),
  )
    .option('--prefix <text>', 'only keys with this prefix')
    .option('--after <version>', 'start after this version (default: now)')
    .addOption(
      number('--count <n>', 'stop after this number of changes; 0: never', {
        min: 0,
        max: 1e9,
      }).default(0),
    )
    .action(async (options) => await watch(options, io));
  example(watchCommand, 'walship watch --prefix user/ --after 3.42 --json');

  const waitCommand = addClientOptions(
    program
      .command('wait')
      .description('Wait until a node has reached a version.')
      .argument('<VERSION>'),
  )
    .addOption(
      new Option('--level <level>', 'state that the version must have reached')
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
    program
      .command('del')
      .description('Delete a key. An absent key is no error.')
      .argument('<KEY>'),
  ).action(async (key: string, options) => await del(key, options, io));
  example(delCommand, 'walship del greeting --if-version 3.42');
}

function addWriteOptions(command: Command): Command {
  const ack = new Option(
    '--ack <level>',
    'where the write must be durable: on the leader, on a quorum, or on all voters',
  )
    .choices(['local', 'quorum', 'all'])
    .default('quorum');
  return addClientOptions(command)
    .addOption(ack)
    .option('--key64', 'KEY is base64url', false)
    .option('--if-version <version>', 'only if the key has this version')
    .option('--if-absent', 'only if the key does not exist', false);
}
