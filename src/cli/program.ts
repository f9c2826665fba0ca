/** The command line: every command, wired, and how a failure ends it. */
import { Command, CommanderError } from './commander.ts';
import { WalshipError } from '../errors.ts';
import type { CommandIo } from './command-io.ts';
import { addReads, addWrites } from './data-commands.ts';
import { addDrill } from './drill-commands.ts';
import { addFailover } from './failover-commands.ts';
import { addLog } from './log-commands.ts';
import { addOperations } from './operator-commands.ts';
import { ownManifest } from './own-manifest.ts';
import { formatReport, reportOf } from './report-error.ts';
import { addDemo, addServe } from './run-commands.ts';
import { addSaved } from './saved-commands.ts';

/** Every command, wired to `io`. */
function buildProgram(io: CommandIo): Command {
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
  addServe(program, io);
  addDemo(program, io);
  addOperations(program, io);
  addFailover(program, io);
  addWrites(program, io);
  addReads(program, io);
  addLog(program, io);
  addSaved(program, io);
  addDrill(program, io);
  return program;
}

/** Runs one command; resolves with the exit code, 0 only on success. What failed has been reported to `io` by then. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && isAnswered(error)) return error.exitCode;
    // Of a drill it names a file.
    const json = args.includes('--json') && args[0] !== 'drill';
    io.err(formatReport(reportOf(translated(error)), json));
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
