import { runClosedLoop, runFixedRate } from './bench-load.ts';
import { ackMeaning, formatBench } from './bench-result.ts';
import type { ClientOptions } from './client-options.ts';
import { clusterStatus } from './cluster-status.ts';
import type { CommandIo } from './command-io.ts';
import { loadWrite } from './load-write.ts';
import { leaderOf } from './status.ts';
import { withClient } from './with-client.ts';

export interface BenchOptions extends ClientOptions {
  /** Writes in flight at once, over one connection to the leader. */
  readonly connections: number;
  readonly durationMs: number;
  readonly valueBytes: number;
  /** Number of different keys that are written. */
  readonly keys: number;
  readonly ack: 'local' | 'quorum' | 'all';
  /** Writes per second; undefined: closed loop. */
  readonly rate: number | undefined;
}

/**
 * Runs `walship bench`: loads a running cluster with writes and reports their rate and latency at the chosen ack
 * level.
 */
export async function bench(options: BenchOptions, io: CommandIo): Promise<void> {
  const { connections, ack, timeoutMs } = options;
  const nodes = await clusterStatus(options.url, timeoutMs);
  const view = leaderOf(nodes) ?? nodes.find((node) => node.status !== undefined)?.status;
  const voters = view?.voters.length ?? 1;
  const meaning = ackMeaning({ ack, voters, quorum: view?.quorum ?? 1 });

  const value = Buffer.alloc(options.valueBytes, 'walship-');
  const result = await withClient(options, async (db) => {
    const write = async (index: number): Promise<string> => {
      const key = Buffer.from(`bench/${String(index % options.keys).padStart(10, '0')}`);
      return (await loadWrite(db, key, { value, ack })).code;
    };
    return options.rate === undefined
      ? await runClosedLoop(write, options)
      : await runFixedRate(write, { ...options, rate: options.rate });
  });
  const run = { connections, valueBytes: options.valueBytes, keys: options.keys };
  io.out(
    options.json
      ? `${JSON.stringify({ ...run, ack, meaning, ...result })}\n`
      : formatBench(result, meaning),
  );
}
