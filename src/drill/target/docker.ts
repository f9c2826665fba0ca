/** Docker and compose as this machine has them, run as commands. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { WalshipError } from '../../errors.ts';

/** Directory of compose.yml and the Dockerfile. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const PROBE_MS_MAX = 30_000;
/** Time limit of a command in milliseconds; building the image takes longest. */
const COMMAND_MS_MAX = 900_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Number of lines that are kept of the output of a failed command. */
const LAST_LINES = 60;

export interface CommandOptions {
  /** Variables in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Returns the command of compose, as words, or undefined if there is no docker daemon or no compose. */
export function findCompose(): readonly string[] | undefined {
  if (!succeeds(['docker', 'info'])) return undefined;
  return [['docker', 'compose'], ['docker-compose']].find((words) =>
    succeeds([...words, 'version']),
  );
}

/** Returns true if a command succeeds; it is given half a minute. */
export function succeeds([file = '', ...args]: readonly string[], input = ''): boolean {
  return spawnSync(file, args, { input, timeout: PROBE_MS_MAX }).status === 0;
}

/**
 * Runs a command in the directory of compose.yml; resolves with its output.
 * @throws WalshipError DRILL_FAILED with the last lines of what it printed.
 */
export async function command(
  words: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return (await commandOutput(words, options)).stdout;
}

/** Runs a command like `command`; resolves with both outputs. */
export function commandOutput(
  [file = '', ...args]: readonly string[],
  { env = {}, input = '' }: CommandOptions = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      cwd: ROOT,
      env: { ...process.env, ...env },
      maxBuffer: OUTPUT_BYTES_MAX,
      timeout: COMMAND_MS_MAX,
    };
    const child = execFile(file, args, options, (cause, stdout, stderr) => {
      if (cause === null) return resolve({ stdout, stderr });
      const text = `${stdout}\n${stderr}`.split('\n').slice(-LAST_LINES).join('\n');
      const message = `${file} ${args.join(' ')} failed:\n${text}`;
      reject(new WalshipError('DRILL_FAILED', message, { cause }));
    });
    child.stdin?.on('error', () => {}); // The process ended without reading its input: its exit has the reason.
    child.stdin?.end(input);
  });
}
