/** How long writing stops when a leader is lost: three processes on loopback, the leader ended with kill -9, over and over. */
import * as fs from 'node:fs';
import { freePorts, medianOf, newDir, serve, until } from './support.mjs';

const PROMOTE_MS_GOAL = 300;
const OUTAGE_MS_GOAL = 3_000;

async function cluster(more) {
  const dir = newDir();
  const ports = await freePorts(3);
  const peers = ports.map((port, index) => ({
    nodeId: `n${index + 1}`,
    address: `127.0.0.1:${port}`,
  }));
  const start = (nodeId) => serve(nodeId, { peers, dir, more });
  const nodes = new Map(peers.map(({ nodeId }) => [nodeId, start(nodeId)]));
  const addressOf = (nodeId) => peers.find((peer) => peer.nodeId === nodeId).address;
  return {
    addressOf,
    /** Waits until every node leads or follows; resolves with the id of the leader. */
    settled: async () => {
      let leader;
      await until('a cluster that is whole', async () => {
        const states = await Promise.all(peers.map(({ address }) => statusOf(address)));
        leader = states.find((state) => state?.role === 'leader');
        const followers = leader?.followers ?? [];
        return (
          // A leader that knows of no commit would wait for all voters, also for the one that is killed next.
          states.every((state) => state?.notReady === null && state.committedLsn > 0) &&
          followers.length === 2 &&
          followers.every(({ reason, lagLsns }) => reason === null && lagLsns === 0)
        );
      });
      return leader.nodeId;
    },
    others: (nodeId) => peers.map((peer) => peer.nodeId).filter((other) => other !== nodeId),
    kill: (nodeId) => nodes.get(nodeId).kill(),
    restart: (nodeId) => nodes.set(nodeId, start(nodeId)),
    close: async () => {
      await Promise.all([...nodes.values()].map((node) => node.kill()));
      fs.rmSync(dir, { recursive: true });
    },
  };
}

async function statusOf(address) {
  try {
    return await (await fetch(`http://${address}/v1/status`)).json();
  } catch {
    return undefined; // Not up yet.
  }
}

/** True once a write at this node is acknowledged; a follower does not send it on. */
async function written(address) {
  try {
    const url = `http://${address}/v1/kv/failover`;
    const response = await fetch(url, { method: 'PUT', body: 'v', redirect: 'manual' });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function promoteToFirstWrite() {
  const running = await cluster([]);
  const times = [];
  for (let round = 0; round < 20; round += 1) {
    const leader = await running.settled();
    const [next] = running.others(leader);
    const address = running.addressOf(next);
    await running.kill(leader);
    const start = performance.now();
    const promoted = await fetch(`http://${address}/v1/admin/promote`, { method: 'POST' });
    if (promoted.status !== 200) throw new Error(await promoted.text());
    while (!(await written(address)));
    times.push(performance.now() - start);
    running.restart(leader);
  }
  await running.close();
  return result(times, PROMOTE_MS_GOAL);
}

async function automaticOutage() {
  const running = await cluster(['--failover', 'auto']);
  const times = [];
  for (let round = 0; round < 12; round += 1) {
    const leader = await running.settled();
    const addresses = running.others(leader).map(running.addressOf);
    const start = performance.now();
    await running.kill(leader);
    await until('a write', async () => (await Promise.all(addresses.map(written))).includes(true));
    times.push(performance.now() - start);
    running.restart(leader);
  }
  await running.close();
  return result(times, OUTAGE_MS_GOAL);
}

function result(times, goalMs) {
  const sorted = times.toSorted((a, b) => a - b);
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1];
  return {
    value: p95,
    unit: 'ms, p95',
    base: `goal ${goalMs} ms`,
    ratio: p95 / goalMs,
    note: `${times.length} times, median ${medianOf(times).toFixed(0)}, longest ${sorted.at(-1).toFixed(0)} ms`,
  };
}

export const figures = [
  { name: 'promote to first write', goal: { most: 1 }, run: promoteToFirstWrite },
  { name: 'outage with auto', goal: { most: 1 }, run: automaticOutage },
];
