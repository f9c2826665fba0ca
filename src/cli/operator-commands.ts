/** Commands of an operator. */
import { Option } from './commander.ts';
import type { Command } from './commander.ts';
import { bench } from './bench.ts';
import type { ClientOptions } from './client-options.ts';
import { addClientOptions, example, number } from './command-options.ts';
import type { CommandIo } from './command-io.ts';
import { events } from './events.ts';
import type { EventsOptions } from './events.ts';
import { promote } from './promote.ts';
import { snapshot } from './snapshot.ts';
import { status } from './status.ts';
import { switchover } from './switchover.ts';
import type { SwitchoverOptions } from './switchover.ts';

/** Adds `status`, `events`, `promote`, `switchover`, `snapshot`, `bench`. */
export function addOperations(program: Command, io: CommandIo): void {
  const statusCommand = addClientOptions(
    program
      .command('status')
      .description('Show every node, its position in the log, and what it waits for.'),
  ).action(async (options: ClientOptions) => await status(options, io));
  example(statusCommand, 'walship status --url 127.0.0.1:7401,127.0.0.1:7402');

  const eventsCommand = addClientOptions(
    program
      .command('events')
      .description(
        'Show the events of the node at --url: elections, truncations, refusals, alarms.',
      ),
  )
    .addOption(
      number('--after <seq>', 'only events after this number', {
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      }).default(0),
    )
    .action(async (options: EventsOptions) => await events(options, io));
  example(eventsCommand, 'walship events --url 127.0.0.1:7402 --after 17');

  const promoteCommand = addClientOptions(
    program.command('promote').description('Make the node at --url the leader.'),
  ).action(async (options: ClientOptions) => await promote(options, io));
  example(promoteCommand, 'walship promote --url 127.0.0.1:7402');

  const switchoverCommand = addClientOptions(
    program
      .command('switchover')
      .description('Hand leadership over to another node, without loss.'),
  )
    .requiredOption(
      '--to <node>',
      'id of the next leader: an intact voter that is connected to the leader',
    )
    .action(async (options: SwitchoverOptions) => await switchover(options, io));
  example(switchoverCommand, 'walship switchover --to n2');

  const snapshotCommand = addClientOptions(
    program.command('snapshot').description('Take a snapshot on the node at --url now.'),
  ).action(async (options: ClientOptions) => await snapshot(options, io));
  example(snapshotCommand, 'walship snapshot --url 127.0.0.1:7402');

  addBench(program, io);
}

function addBench(program: Command, io: CommandIo): void {
  const command = addClientOptions(
    program
      .command('bench')
      .description('Write to a running cluster and measure latency and throughput.'),
  )
    .addOption(
      number('--connections <n>', 'number of concurrent writes', { min: 1, max: 4_096 }).default(
        16,
      ),
    )
    .addOption(
      number('--duration <s>', 'length of the run in seconds', { min: 1, max: 86_400 }).default(10),
    )
    .addOption(
      number('--value-bytes <n>', 'size of each value', { min: 0, max: 16_777_216 }).default(100),
    )
    .addOption(
      number('--keys <n>', 'number of different keys', { min: 1, max: 1e9 }).default(10_000),
    )
    .addOption(
      new Option(
        '--ack <level>',
        'where each write must be durable: on the leader, on a quorum, or on all voters',
      )
        .choices(['local', 'quorum', 'all'])
        .default('quorum'),
    )
    .addOption(
      number(
        '--rate <n>',
        'writes per second at fixed times; latency counts from the scheduled time (default: as fast as the cluster answers)',
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
