/** Runs `walship serve`: one node and its server, from the first line to a clean end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeApi } from '../node/api/api.ts';
import type { NodeEvent } from '../node/api/events.ts';
import type { CommandIo } from './command-io.ts';
import { formatHostPort, isLoopback } from '../config/config.ts';
import type { ServeConfig } from '../config/config.ts';
import type { HostPort } from '../config/fields.ts';
import type { Logger } from './logger.ts';

/** A server that listens. */
export interface RunningServer {
  /** Address on which it really listens: the port differs from the requested one if that was 0. */
  readonly address: HostPort;
  /** Takes no new requests, and resolves when those in flight are answered. */
  close(): Promise<void>;
}

/** Parts of a process; tests replace them. */
export interface ServeParts {
  openNode(config: ServeConfig, onEvent: (event: NodeEvent) => void): Promise<NodeApi>;
  startServer(node: NodeApi, config: ServeConfig): Promise<RunningServer>;
}

export interface ServeContext {
  readonly parts: ServeParts;
  readonly io: CommandIo;
  readonly log: Logger;
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal;
}

/**
 * Runs a node until `signal` aborts, then ends it within `shutdownMs`.
 * @throws WalshipError the failure that kept the node from starting, or that stopped it.
 */
export async function serve(config: ServeConfig, context: ServeContext): Promise<void> {
  const { parts, io, log, signal } = context;
  const node = await parts.openNode(config, (event) => logEvent(log, event));
  let server: RunningServer | undefined;
  try {
    server = await parts.startServer(node, config);
    const address = formatHostPort(server.address);
    for (const line of node.contract) io.out(`${line}\n`);
    io.out(`node ${node.nodeId} listens on http://${address}\n`);
    log.info({ address, data: config.data, contract: node.contract }, 'node started');
    if (!isLoopback(server.address)) {
      log.warn({ address }, 'everybody who reaches this address may read, write and operate');
    }

    await Promise.race([node.stopped, aborted(signal)]);
    log.info({ reason: signal.aborted ? String(signal.reason) : 'node stopped' }, 'node stops');
  } finally {
    await closeAll({ node, server }, config.shutdownMs, log);
  }
}

/** Closes the server first, so that the events that requests wait for can still happen; then the node. Bounded. */
async function closeAll(
  { node, server }: { node: NodeApi; server: RunningServer | undefined },
  shutdownMs: number,
  log: Logger,
): Promise<void> {
  const timer = new AbortController();
  const closed = (async () => {
    await server?.close();
    await node.close();
    return true;
  })();
  const late = sleep(shutdownMs, false, { signal: timer.signal });
  late.catch(() => {}); // The timer is aborted below, once it is of no use.
  const inTime = await Promise.race([closed, late]);
  timer.abort();
  if (inTime) log.info({}, 'node closed');
  else log.warn({ shutdownMs }, 'node not closed in time: the log recovers at the next start');
}

function logEvent(log: Logger, { level, message, ...fields }: NodeEvent): void {
  log[level](fields, message);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
