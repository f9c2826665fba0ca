/** Docker and compose as this machine has them, run as commands. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The repository's root: where compose.yml and the Dockerfile are. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The command of compose, as words, or undefined where there is no docker daemon or no compose. */
export function findCompose(): readonly string[] | undefined {
  if (!succeeds(['docker', 'info'])) return undefined;
  return [['docker', 'compose'], ['docker-compose']].find((words) =>
    succeeds([...words, 'version']),
  );
}

function succeeds([command = '', ...args]: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

/** Runs a command in the repository's root; resolves with its output, rejects with output and error text on failure. */
export async function command(
  [file = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    const options = { cwd: ROOT, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
    return (await run(file, args, options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const text = `${stdout}\n${stderr}`.split('\n').slice(-60).join('\n');
    throw new Error(`${file} ${args.join(' ')} failed:\n${text}`, { cause: error });
  }
}
