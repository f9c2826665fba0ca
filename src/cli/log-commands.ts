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

/** Adds `log dump`, `verify`, `diff`, `repair`, `export`. */
export function addLog(program: Command, io: CommandIo): void {
  const log = program.command('log').description('Read data directories without a running node.');
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
      number('--from <lsn>', 'skip batches that end before this LSN', {
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
      .description('Check a log; print what is damaged and what a start would do.')
      .argument('<DIR>', 'a data directory'),
  ).action(
    async (dir: string, options: Json) => await logVerify({ disk, clock, dir }, options, io),
  );
  example(verifyCommand, 'walship log verify /var/lib/walship/n1');

  const diffCommand = addJson(
    log
      .command('diff')
      .description('Compare logs up to the end of the shortest.')
      .argument('<DIR...>', 'two or more data directories or segments'),
  ).action(
    async (dirs: string[], options: Json) => await logDiff({ disk, clock, dirs }, options, io),
  );
  example(diffCommand, 'walship log diff /backup/n1 /backup/n2 /backup/n3');

  const repairCommand = addJson(
    log
      .command('repair')
      .description(
        'Save everything after the last good record and cut it off, or restore a lost meta.json. The node must not be running.',
      )
      .argument('<DIR>', 'a data directory'),
  ).action(async (dir: string, options: Json) => {
    await logRepair({ disk, clock, entropy: new SystemEntropy(), dir }, options, io);
  });
  example(repairCommand, 'walship log repair /var/lib/walship/n1');

  const exportCommand = log
    .command('export')
    .description('Print the live keys of a directory as JSON lines. Works without meta.json.')
    .argument('<DIR>', 'a data directory')
    .option(
      '--committed',
      'only keys that the log proves to be committed (default: everything in it)',
      false,
    )
    .action(async (dir: string, options: LogExportOptions) => {
      await logExport({ disk, clock, dir }, options, io);
    });
  example(exportCommand, 'walship log export /var/lib/walship/n1 > keys.ndjson');
}
