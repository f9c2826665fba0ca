import type { NodeFaults } from '../drill/inside/node-faults.ts';
import { Node } from '../node/node.ts';
import { Timings } from '../node/timings.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { NodeDisk } from '../ports/node-disk.ts';
import { SystemClock } from '../ports/system-clock.ts';
import { SystemEntropy } from '../ports/system-entropy.ts';
import { TimedDisk } from '../ports/timed-disk.ts';
import { WsDialer } from '../ports/ws-link.ts';
import { startServer } from '../server/server.ts';
import { parseHostPort } from '../config/config.ts';
import { connectionsMaxHere } from './connections-max.ts';
import { dataFacts } from './data-facts.ts';
import type { Logger } from './logger.ts';
import { ownManifest } from './own-manifest.ts';
import type { ServeParts } from './serve.ts';

/** Returns the real parts: this machine's disk, clock, randomness and network. */
export function nodeParts(log: Logger): ServeParts {
  const systemClock = new SystemClock();
  const timings = new Timings();
  let faults: NodeFaults | undefined;
  return {
    openNode: async (config, onEvent) => {
      const plainDisk = new NodeDisk({ unsafeNoLock: config.unsafeNoLock });
      if (config.unsafeDrillFaults !== undefined) {
        faults = await drillFaults(plainDisk, systemClock, config.data);
        log.warn({ data: config.data }, 'DRILLS MAY LOSE EVERYTHING THAT THIS NODE HOLDS');
      }
      const clock = faults?.clock ?? systemClock;
      const disk = faults?.disk ?? plainDisk;
      return await Node.open({
        disk: new TimedDisk(disk, clock, (ms) => timings.note('fsync', ms)),
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
      });
    },
    startServer: async (node, { data, listen, peers, hostNames }) => {
      const ofPeers = peers.flatMap(({ address }) => parseHostPort(address)?.host ?? []);
      const shared = {
        node,
        ...listen,
        hostNames: [...ofPeers, ...hostNames],
        log,
        connectionsMax: connectionsMaxHere(log),
        timings,
        version: ownManifest().version,
        dataFacts: async (snapshotLsn: number) => await dataFacts(data, snapshotLsn),
      };
      const drilled = faults;
      if (drilled === undefined) return await startServer(shared);
      return await startServer({ ...shared, breakNode: (fault) => drilled.apply(fault) });
    },
  };
}

/** Creates the faults for drills; loaded only on request. */
async function drillFaults(disk: Disk, clock: Clock, dir: string): Promise<NodeFaults> {
  const { NodeFaults } = await import('../drill/inside/node-faults.ts');
  return await NodeFaults.open(disk, clock, dir);
}
