import { LiveClient } from './live-client.ts';
import type { Load, LoadRequest } from '../run/runner.ts';
import { Workload } from './workload.ts';

/** Milliseconds that watches may take to show the last write, once all nodes are equal. */
const WATCHES_MS_MAX = 10_000;

/**
 * Starts the load of a cluster.
 * @throws WalshipError DRILL_FAILED if the cluster does not accept the initial data.
 */
export async function startLoad({ target, ack, seed, nowMs }: LoadRequest): Promise<Load> {
  const client = new LiveClient(target.nodes);
  const workload = new Workload({ client, seed, ack, nowMs });
  try {
    await workload.prepare();
  } catch (error) {
    await client.close();
    throw error;
  }
  workload.start();
  return {
    get acknowledged() {
      return workload.acknowledged;
    },
    get rejected() {
      return workload.rejected;
    },
    stop: async () => await workload.stop(),
    abandon() {
      workload.abandon();
      client.close().catch(() => undefined); // The result is ignored: it waits for sessions that are being opened.
    },
    async finish(staysDown) {
      await workload.finish(WATCHES_MS_MAX, staysDown);
      await client.close();
      return workload.recorded;
    },
  };
}
