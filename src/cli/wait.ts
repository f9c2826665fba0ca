import { GRACE_MS, checkVersion } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';

export interface WaitOptions extends ClientOptions {
  readonly level: string;
}

/** `walship wait VERSION`: ends when the node has it at `level`, and fails where history cut it off. */
export async function wait(version: string, options: WaitOptions, io: CommandIo): Promise<void> {
  const reply = await new ClusterClient(options.url).json({
    method: 'GET',
    path: '/v1/wait',
    query: {
      version: checkVersion('VERSION', version),
      level: options.level,
      timeoutMs: options.timeoutMs,
    },
    timeoutMs: options.timeoutMs + GRACE_MS,
  });
  io.out(options.json ? `${JSON.stringify(reply)}\n` : `${version} is ${options.level}\n`);
}
