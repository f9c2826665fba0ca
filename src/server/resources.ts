import { postPromote, postSnapshot, postSwitchover } from './admin.ts';
import { postFailover, postRejoin } from './admin-failover.ts';
import { getCluster } from './cluster.ts';
import { drillResource } from './drill.ts';
import type { BreakNode } from '../ports/break-node.ts';
import { getEvents } from './events.ts';
import type { Exchange } from './exchange.ts';
import { getFollower, getLeader, getLive, getReady } from './health.ts';
import { deleteKey, getKey, putKey } from './kv.ts';
import { getPage } from './kv-page.ts';
import type { Metrics } from './metrics.ts';
import type { Resource } from './router.ts';
import { getStatus } from './status.ts';
import { postTransaction } from './txn.ts';
import { wait } from './wait.ts';
import { watch } from './watch.ts';

/** Returns the resources of the HTTP interface. @param breakNode of a node that was started for drills. */
export function resources(metrics: Metrics, breakNode?: BreakNode): readonly Resource[] {
  const forDrills = breakNode === undefined ? [] : [drillResource(breakNode)];
  return [
    ...forDrills,
    { path: '/v1/kv', methods: { GET: getPageOrKey, PUT: putKey, DELETE: deleteKey } },
    { path: '/v1/kv/*', methods: { GET: getKey, PUT: putKey, DELETE: deleteKey } },
    { path: '/v1/txn', methods: { POST: postTransaction } },
    { path: '/v1/watch', methods: { GET: watch }, head: false },
    { path: '/v1/wait', methods: { GET: wait } },
    { path: '/v1/status', methods: { GET: getStatus } },
    { path: '/v1/events', methods: { GET: getEvents } },
    { path: '/v1/cluster', methods: { GET: getCluster } },
    { path: '/v1/admin/promote', methods: { POST: postPromote } },
    { path: '/v1/admin/switchover', methods: { POST: postSwitchover } },
    { path: '/v1/admin/snapshot', methods: { POST: postSnapshot } },
    { path: '/v1/admin/failover', methods: { POST: postFailover } },
    { path: '/v1/admin/rejoin', methods: { POST: postRejoin } },
    { path: '/livez', methods: { GET: getLive } },
    { path: '/readyz', methods: { GET: getReady } },
    { path: '/leader', methods: { GET: getLeader } },
    { path: '/follower', methods: { GET: getFollower } },
    { path: '/metrics', methods: { GET: metrics.handle } },
  ];
}

function getPageOrKey(exchange: Exchange): Promise<void> {
  return exchange.query.has('key64') ? getKey(exchange) : getPage(exchange);
}
