/** Commands of `drill`: faults on purpose, with a verdict. The code is loaded only when a drill is run. */
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

/** Adds `drill` and its subcommands. */
export function addDrill(program: Command, io: CommandIo): void {
  const drill = program
    .command('drill')
    .description('Break a cluster on purpose and check that it kept its promises.')
    .argument('<scenario>', 'a name that walship drill list prints, or the path of a YAML file')
    .enablePositionalOptions();
  addShared(drill)
    .option('--json <file>', 'write the recording and the verdict to this file')
    .option('--report <file>', 'write the report to this file, as one HTML page')
    .option('--expect-loss', 'run a scenario that is meant to lose writes', false)
    .option('--keep', 'keep the data directories of the nodes', false)
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
  const list = addJson(
    drill.command('list').description('List the scenarios, with one sentence each.'),
  ).action(async (options: { json: boolean }) => {
    const { drillList } = await import('./drill-list.ts');
    drillList(options, io);
  });
  example(list, 'walship drill list', 'walship drill list --json');
  const all = addShared(drill.command('all').description('Run all scenarios, one after another.'))
    .option('--out <dir>', 'write NAME.json and NAME.html of each scenario to this directory')
    .action(async (flags: DrillAllFlags) => {
      const { drillAll } = await import('./drill-all.ts');
      await drillAll(flags, { io, signal: stopSignal() });
    });
  example(all, 'walship drill all --target local');
  const selftest = drill
    .command('selftest')
    .description('Check the judge: plant one fault of each kind, and fail if the judge misses one.')
    .addOption(seedOption())
    .action(async (flags: { seed?: number }) => {
      const { drillSelftest } = await import('./drill-selftest.ts');
      await drillSelftest(flags, { io, signal: stopSignal() });
    });
  example(selftest, 'walship drill selftest --seed 7');
}

function addShared(command: Command): Command {
  const target = new Option('--target <where>', 'run the nodes as local processes or in containers')
    .choices(['local', 'compose'])
    .default('local');
  const duration = new Option(
    '--duration <time>',
    'total length of the pauses of a scenario, as in 30s (default: as in the scenario)',
  ).argParser(parseDuration);
  return command.addOption(target).addOption(seedOption()).addOption(duration);
}

function seedOption(): Option {
  const doc = 'random seed (default: a new one each time)';
  return number('--seed <n>', doc, { min: 0, max: SEED_MAX });
}

function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new WalshipError(
      'CONFIG_INVALID',
      `--duration must be a time such as 30s or 2m, not "${text}"`,
    );
  }
  const ms = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  const bounds = { name: '--duration in milliseconds', min: 1, max: DURATION_MS_MAX };
  return parseNumber(String(ms), bounds);
}
