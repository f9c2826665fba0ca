import type { WaitLevel } from '../client/api.ts';
import { checkVersion } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { withClient } from './with-client.ts';

export interface WaitOptions extends ClientOptions {
  readonly level: WaitLevel;
}

/** Runs `walship wait VERSION`: ends when a node at --url has it at `level`, and fails if history cut it off. */
export async function wait(version: string, options: WaitOptions, io: CommandIo): Promise<void> {
  const { level, json } = options;
  const wanted = checkVersion('VERSION', version);
  await withClient(options, (db) => db.wait(wanted, level));
  io.out(json ? `${JSON.stringify({ version, level })}\n` : `${version} is ${level}\n`);
}
