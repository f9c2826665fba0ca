import { GRACE_MS } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';

/** Runs `walship snapshot`: makes the node at the first --url, and no other, take a snapshot. */
export async function snapshot(options: ClientOptions, io: CommandIo): Promise<void> {
  const first = new ClusterClient(options.url).urls.slice(0, 1);
  const reply = await new ClusterClient(first).json({
    method: 'POST',
    path: '/v1/admin/snapshot',
    timeoutMs: options.timeoutMs + GRACE_MS,
  });
  if (options.json) return io.out(`${JSON.stringify(reply)}\n`);
  const { startLsn, endLsn, keys, bytes, path, tookMs } = reply as Record<string, unknown>;
  const took = Math.round(Number(tookMs));
  io.out(
    `snapshot of LSN ${String(startLsn)} to ${String(endLsn)}: ${String(keys)} keys, ` +
      `${String(bytes)} bytes in ${String(path)}, after ${took} ms\n`,
  );
}
