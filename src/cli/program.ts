/** Command line: every command, wired, and the report of a failure. */
import { Command, CommanderError } from './commander.ts';
import { WalshipError } from '../errors.ts';
import type { CommandIo } from './command-io.ts';
import { ownManifest } from './own-manifest.ts';
import { formatReport, reportOf } from './report-error.ts';

interface CommandGroup {
  readonly commands: readonly string[];
  readonly add: (program: Command, io: CommandIo) => Promise<void>;
}

/**
 * Groups of commands, in the order of the help. The code of a group is loaded only if one of its commands is named,
 * or all are: so a node starts in half the time.
 */
const GROUPS: readonly CommandGroup[] = [
  {
    commands: ['serve', 'demo'],
    add: async (program, io) => (await import('./run-commands.ts')).addRuns(program, io),
  },
  {
    commands: ['status', 'events', 'promote', 'switchover', 'snapshot', 'bench'],
    add: async (program, io) => (await import('./operator-commands.ts')).addOperations(program, io),
  },
  {
    commands: ['failover', 'rejoin'],
    add: async (program, io) => (await import('./failover-commands.ts')).addFailover(program, io),
  },
  {
    commands: ['put', 'del', 'get', 'scan', 'watch', 'wait'],
    add: async (program, io) => (await import('./data-commands.ts')).addData(program, io),
  },
  {
    commands: ['log'],
    add: async (program, io) => (await import('./log-commands.ts')).addLog(program, io),
  },
  {
    commands: ['saved'],
    add: async (program, io) => (await import('./saved-commands.ts')).addSaved(program, io),
  },
  {
    commands: ['drill'],
    add: async (program, io) => (await import('./drill-commands.ts')).addDrill(program, io),
  },
];

/** Builds the commands of the group that `named` belongs to, or all if it belongs to none, wired to `io`. */
async function buildProgram(named: string, io: CommandIo): Promise<Command> {
  const { version, description } = ownManifest();
  const program = new Command('walship').description(`${description}.`).version(version);
  // Failures are reported in one way, by the caller; help and version go to `io` like everything else.
  // `walship drill list --json` is an option of list, and not the file that `walship drill X --json FILE` names.
  program.enablePositionalOptions();
  program.exitOverride().configureOutput({
    writeOut: (text) => io.out(text),
    writeErr: (text) => io.err(text),
    outputError: () => {},
  });
  const group = GROUPS.find(({ commands }) => commands.includes(named));
  for (const { add } of group === undefined ? GROUPS : [group]) await add(program, io);
  return program;
}

/** Runs one command; resolves with the exit code, 0 only on success. A failure has been reported to `io` by then. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    const program = await buildProgram(args[0] ?? '', io);
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && isAnswered(error)) return error.exitCode;
    // For `drill`, `--json` names a file.
    const json = args.includes('--json') && args[0] !== 'drill';
    io.err(formatReport(reportOf(translated(error)), json));
    return 1;
  }
}

/** Returns true for help and version, which end a command as errors do; they have been printed. */
function isAnswered(error: CommanderError): boolean {
  return error.exitCode === 0 || error.code === 'commander.help';
}

function translated(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const hint = 'run walship --help or walship COMMAND --help';
  return new WalshipError('CONFIG_INVALID', message, { details: { hint } });
}
