import { Option } from './commander.ts';
import type { Command } from './commander.ts';
import { NodeDisk } from '../ports/node-disk.ts';
import type { CommandIo } from './command-io.ts';
import { addJson, example } from './command-options.ts';
import { savedExport, savedList, savedShow } from './saved.ts';
import type { SavedExportOptions } from './saved.ts';

/** Adds `walship saved …` to `program`. */
export function addSaved(program: Command, io: CommandIo): void {
  const saved = program
    .command('saved')
    .description('Read what was cut off a log: divergent tails and damaged segments.');
  const disk = new NodeDisk();
  type Json = { readonly json: boolean };

  const list = addJson(
    saved
      .command('list')
      .description('List the saved entries: range, reason, and who decided.')
      .argument('<DIR>', 'a data directory'),
  ).action(async (dir: string, options: Json) => await savedList({ disk, dir }, options, io));
  example(list, 'walship saved list /var/lib/walship/n1');

  const show = addJson(
    saved
      .command('show')
      .description('Print every record and seal of one entry.')
      .argument('<DIR>', 'a data directory')
      .argument('<NAME>', 'a name that saved list prints'),
  ).action(async (dir: string, name: string, options: Json) => {
    await savedShow({ disk, dir, name }, options, io);
  });
  example(show, 'walship saved show /var/lib/walship/n1 00000000000000000042-1.wal');

  const exporting = saved
    .command('export')
    .description('Export one entry as JSON lines or as a segment file.')
    .argument('<DIR>', 'a data directory')
    .argument('<NAME>', 'a name that saved list prints')
    .addOption(
      new Option('--format <format>', 'one line per record, or the raw segment')
        .choices(['ndjson', 'segment'])
        .default('ndjson'),
    )
    .option('--out <file>', 'write to a new file (default: standard output)')
    .action(async (dir: string, name: string, options: SavedExportOptions) => {
      await savedExport({ disk, dir, name }, options, io);
    });
  example(
    exporting,
    'walship saved export /var/lib/walship/n1 00000000000000000042-1.wal > cut-off.ndjson',
    'walship saved export DIR NAME --format segment --out tail.wal',
  );
}
