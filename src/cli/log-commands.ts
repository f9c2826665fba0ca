/** The commands that read data directories. */
import type { Command } from './commander.ts';
import { NodeDisk } from '../ports/node-disk.ts';
import { SystemClock } from '../ports/system-clock.ts';
import { SystemEntropy } from '../ports/system-entropy.ts';
import { addJson, example, number } from './command-options.ts';
import type { CommandIo } from './command-io.ts';
import { logDiff } from './log-diff.ts';
import { logDump } from './log-dump.ts';
import { logExport, type LogExportOptions } from './log-export.ts';
import { logRepair } from './log-repair.ts';
import { logVerify } from './log-verify.ts';

/** `log dump`, `verify`, `diff`, `repair`, `export`. */
export function addLog(program: Command, io: CommandIo): void {
  const log = program.command('log').description('Read data directories, without a running node.');
  const disk = new NodeDisk();
  const clock = new SystemClock();
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
        await logDump({ disk, clock, path }, options, io),
    );
  example(dumpCommand, 'walship log dump /var/lib/walship/n1 --from 1000 --json');

  const verifyCommand = addJson(
    log
      .command('verify')
      .description('Say what is wrong, and what a start would do.')
      .argument('<DIR>'),
  ).action(
    async (dir: string, options: Json) => await logVerify({ disk, clock, dir }, options, io),
  );
  example(verifyCommand, 'walship log verify /var/lib/walship/n1');

  const diffCommand = addJson(
    log
      .command('diff')
      .description('Compare logs as far as the shortest goes.')
      .argument('<DIR...>', 'two or more'),
  ).action(
    async (dirs: string[], options: Json) => await logDiff({ disk, clock, dirs }, options, io),
  );
  example(diffCommand, 'walship log diff /backup/n1 /backup/n2 /backup/n3');

  const repairCommand = addJson(
    log
      .command('repair')
      .description(
        'Save what is behind the last good record, and cut it off; or make a lost meta.json anew. The node must not run.',
      )
      .argument('<DIR>'),
  ).action(async (dir: string, options: Json) => {
    await logRepair({ disk, clock, entropy: new SystemEntropy(), dir }, options, io);
  });
  example(repairCommand, 'walship log repair /var/lib/walship/n1');

  const exportCommand = log
    .command('export')
    .description('Print the live keys of a directory as JSON lines, also without its meta.json.')
    .argument('<DIR>')
    .option(
      '--committed',
      'only what the log knows to be committed (default: all that it holds)',
      false,
    )
    .action(async (dir: string, options: LogExportOptions) => {
      await logExport({ disk, clock, dir }, options, io);
    });
  example(exportCommand, 'walship log export /var/lib/walship/n1 > keys.ndjson');
}
