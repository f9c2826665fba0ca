import { GRACE_MS } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';
import { leadershipLines } from './leadership-text.ts';

/** Runs `walship promote`: asks the node at the first --url, and no other, to lead. */
export async function promote(options: ClientOptions, io: CommandIo): Promise<void> {
  const first = new ClusterClient(options.url).urls.slice(0, 1);
  const reply = await new ClusterClient(first).json({
    method: 'POST',
    path: '/v1/admin/promote',
    timeoutMs: options.timeoutMs + GRACE_MS,
  });
  if (options.json) return io.out(`${JSON.stringify(reply)}\n`);
  const { epoch, tookMs } = reply as { epoch?: unknown; tookMs?: unknown };
  const took = Math.round(Number(tookMs));
  // No voter was asked for a promise if it led already.
  const how = tookMs === 0 ? 'already' : `after ${took} ms`;
  io.out(`leads epoch ${String(epoch)}, ${how}\n`);
  for (const line of leadershipLines(reply)) io.out(`  ${line}\n`);
}
