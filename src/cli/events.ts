import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';

export interface EventsOptions extends ClientOptions {
  /** Number of the last event that is already known. */
  readonly after: number;
}

/** Runs `walship events`: prints the events of the node at the first --url, and no other, since it started. */
export async function events(options: EventsOptions, io: CommandIo): Promise<void> {
  const first = new ClusterClient(options.url).urls.slice(0, 1);
  const reply = await new ClusterClient(first).json({
    method: 'GET',
    path: `/v1/events?after=${options.after}`,
    timeoutMs: options.timeoutMs,
  });
  if (options.json) return io.out(`${JSON.stringify(reply)}\n`);
  const { events: found } = reply as { events?: unknown };
  for (const event of Array.isArray(found) ? found : []) io.out(`${lineOf(event)}\n`);
}

/** Formats an event: number, time, level, code, sentence. */
function lineOf(event: Readonly<Record<string, unknown>>): string {
  const { seq, timeMs, level, code, message, times } = event;
  const time = new Date(Number(timeMs)).toISOString();
  const often = Number(times) > 1 ? ` (${String(times)} times)` : '';
  return `${String(seq)}  ${time}  ${String(level)}  ${String(code)}: ${String(message)}${often}`;
}
