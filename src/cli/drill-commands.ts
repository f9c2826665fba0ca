/** `drill`: faults on purpose, with a verdict. What it takes is loaded only when it is run. */
import { Option } from './commander.ts';
import type { Command } from './commander.ts';
import { parseNumber } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { addJson, example, number } from './command-options.ts';
import type { DrillAllFlags, DrillFlags } from './drill.ts';
import { stopSignal } from './stop-signal.ts';
import { WalshipError } from '../errors.ts';

const SEED_MAX = 2 ** 32 - 1;
const DURATION_MS_MAX = 3_600_000;
const UNITS_MS = { ms: 1, s: 1_000, m: 60_000 } as const;

/** `drill`, and what belongs to it. */
export function addDrill(program: Command, io: CommandIo): void {
  const drill = program
    .command('drill')
    .description('Break a cluster on purpose, and judge whether it kept its promises.')
    .argument('<scenario>', 'a name of walship drill list, or the path of a file of your own')
    .enablePositionalOptions();
  addShared(drill)
    .option('--json <file>', 'write the recording and the verdict there')
    .option('--report <file>', 'write the report there, one HTML page')
    .option('--expect-loss', 'run a scenario that is meant to lose writes', false)
    .option('--keep', 'leave the data directories of the nodes', false)
    .action(async (scenario: string, flags: DrillFlags) => {
      const { drillOne } = await import('./drill.ts');
      await drillOne(scenario, flags, { io, signal: stopSignal() });
    });
  example(
    drill,
    'walship drill leader-kill',
    'walship drill power-cut-all --seed 7 --report /tmp/report.html',
    'walship drill ./mine.yaml --duration 30s',
    'walship drill leader-kill --target compose',
  );
  addJson(drill.command('list').description('The scenarios, a sentence each.')).action(
    async (options: { json: boolean }) => {
      const { drillList } = await import('./drill-list.ts');
      drillList(options, io);
    },
  );
  const all = addShared(drill.command('all').description('Every scenario in turn.'))
    .option('--out <dir>', 'write NAME.json and NAME.html of each there')
    .action(async (flags: DrillAllFlags) => {
      const { drillAll } = await import('./drill-all.ts');
      await drillAll(flags, { io, signal: stopSignal() });
    });
  example(all, 'walship drill all --target local');
  drill
    .command('selftest')
    .description('Plants a fault of each kind, and fails where the judge does not see it.')
    .addOption(seedOption())
    .action(async (flags: { seed?: number }) => {
      const { drillSelftest } = await import('./drill-selftest.ts');
      await drillSelftest(flags, { io, signal: stopSignal() });
    });
}

function addShared(command: Command): Command {
  const target = new Option('--target <where>', 'processes of this machine, or containers')
    .choices(['local', 'compose'])
    .default('local');
  const duration = new Option(
    '--duration <time>',
    'how long the pauses of a scenario take together, as in 30s (default: as written there)',
  ).argParser(parseDuration);
  return command.addOption(target).addOption(seedOption()).addOption(duration);
}

function seedOption(): Option {
  const doc = 'what chance decides by (default: another one each time)';
  return number('--seed <n>', doc, { min: 0, max: SEED_MAX });
}

function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new WalshipError('CONFIG_INVALID', `--duration must be as in 30s or 2m, not "${text}"`);
  }
  const ms = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  const bounds = { name: '--duration in milliseconds', min: 1, max: DURATION_MS_MAX };
  return parseNumber(String(ms), bounds);
}
