import { GRACE_MS } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';
import { leadershipLines } from './leadership-text.ts';

export interface SwitchoverOptions extends ClientOptions {
  readonly to: string;
}

/** Runs `walship switchover`: the leader, wherever it is, hands over to the named node. */
export async function switchover(options: SwitchoverOptions, io: CommandIo): Promise<void> {
  const { to, timeoutMs } = options;
  const reply = await new ClusterClient(options.url).json({
    method: 'POST',
    path: '/v1/admin/switchover',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ to, timeoutMs })),
    timeoutMs: timeoutMs + GRACE_MS,
  });
  if (options.json) return io.out(`${JSON.stringify(reply)}\n`);
  const { from, epoch, lsn, outageMs, leadership } = reply as Record<string, unknown>;
  io.out(`${to} leads epoch ${String(epoch)}, handed over by ${String(from)}\n`);
  io.out(`  everything up to LSN ${String(lsn)} is committed and on ${to}\n`);
  io.out(`  writes waited for ${Math.round(Number(outageMs))} ms\n`);
  for (const line of leadershipLines(leadership).slice(0, 1)) io.out(`  ${line}\n`);
}
