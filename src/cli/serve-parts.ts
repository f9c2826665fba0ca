import { Node } from '../node/node.ts';
import { Timings } from '../node/timings.ts';
import { NodeDisk } from '../ports/node-disk.ts';
import { SystemClock } from '../ports/system-clock.ts';
import { SystemEntropy } from '../ports/system-entropy.ts';
import { TimedDisk } from '../ports/timed-disk.ts';
import { WsDialer } from '../ports/ws-link.ts';
import { startServer } from '../server/server.ts';
import type { Logger } from './logger.ts';
import type { ServeParts } from './serve.ts';

/** The real parts: this machine's disk, clock, randomness and network. */
export function nodeParts(log: Logger): ServeParts {
  const clock = new SystemClock();
  const timings = new Timings();
  return {
    openNode: async (config, onEvent) =>
      await Node.open({
        disk: new TimedDisk(new NodeDisk({ unsafeNoLock: config.unsafeNoLock }), clock, (ms) =>
          timings.note('fsync', ms),
        ),
        clock,
        timings,
        entropy: new SystemEntropy(),
        dialer: new WsDialer(),
        dir: config.data,
        nodeId: config.node,
        peers: config.peers,
        quorum: config.quorum,
        initialLeader: config.initialLeader,
        failover: config.failover,
        heartbeatMs: config.heartbeatMs,
        silenceMs: config.silenceMs,
        segmentBytes: config.segmentBytes,
        snapshotLogBytes: config.snapshotLogBytes,
        retainBytesMax: config.retainBytesMax,
        scrubBytesPerSecond: config.scrubBytesPerSecond,
        onDamage: config.onDamage,
        uncommittedBytesMax: config.maxUncommittedBytes,
        onEvent,
      }),
    startServer: async (node, { host, port }) =>
      await startServer({ node, host, port, log, timings }),
  };
}
