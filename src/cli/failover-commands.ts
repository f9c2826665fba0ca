import type { Command } from './commander.ts';
import { addClientOptions, example, number } from './command-options.ts';
import type { CommandIo } from './command-io.ts';
import { failover, rejoin } from './failover.ts';
import type { FailoverOptions, RejoinOptions } from './failover.ts';

/** Adds `failover` and `rejoin`: the commands that may give up acknowledged writes. */
export function addFailover(program: Command, io: CommandIo): void {
  const failoverCommand = addClientOptions(
    program
      .command('failover')
      .description(
        'Continue without the voters that do not answer; the node at --url becomes the leader. Prints first what may be lost.',
      ),
  )
    .option('--accept-data-loss', 'do it; without this option nothing is changed', false)
    .addOption(
      number(
        '--quorum <w>',
        'new --quorum of the cluster (default: a majority of the voters that are left)',
        {
          min: 1,
          max: 64,
        },
      ),
    )
    .action(async (options: FailoverOptions) => await failover(options, io));
  example(
    failoverCommand,
    'walship failover --url 127.0.0.1:7402',
    'walship failover --url 127.0.0.1:7402 --accept-data-loss',
  );

  const rejoinCommand = addClientOptions(
    program.command('rejoin').description('Make the node at --url follow a leader.'),
  )
    .option(
      '--discard',
      'join the history of another leader; records that this history does not have are saved and cut',
      false,
    )
    .option('--from <address>', 'address of a leader of the other history, as HOST:PORT')
    .action(async (options: RejoinOptions) => await rejoin(options, io));
  example(
    rejoinCommand,
    'walship rejoin --discard --url 127.0.0.1:7401',
    'walship rejoin --discard --url 127.0.0.1:7401 --from 127.0.0.1:7402',
  );
}
