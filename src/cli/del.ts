import { GRACE_MS, parseKey } from './client-options.ts';
import { ClusterClient, keyTarget } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';
import { conditionHeaders } from './put.ts';
import type { WriteOptions } from './put.ts';
import { formatWritten } from './written.ts';

/** `walship del KEY`: an absent key is deleted successfully too. */
export async function del(key: string, options: WriteOptions, io: CommandIo): Promise<void> {
  const target = keyTarget(parseKey(key, options));
  const reply = await new ClusterClient(options.url).json({
    method: 'DELETE',
    path: target.path,
    query: { ...target.query, ack: options.ack, timeoutMs: options.timeoutMs },
    headers: conditionHeaders(options),
    timeoutMs: options.timeoutMs + GRACE_MS,
  });
  io.out(formatWritten(reply, options.json));
}
