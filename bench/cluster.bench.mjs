/** Three nodes on loopback: the leader in this process, two followers in processes of their own, on the same cores. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import {
  Node,
  NodeDisk,
  startServer,
  SystemClock,
  SystemEntropy,
  WsDialer,
} from '../dist/index.js';
import { open as openLog, OP } from '../dist/wal/index.js';
import { floorSpeed } from './catch-up-floor.mjs';
import { floor } from './floor.mjs';
import {
  bareSyncsUs,
  freePorts,
  medianOf,
  MiB,
  newDir,
  sequentialSpeed,
  serve,
  until,
} from './support.mjs';

const KEY = Buffer.from('key-0123456789ab');
const VALUE = Buffer.alloc(100, 0x76);
const log = { info() {}, warn() {}, error() {} };

async function cluster({ started }) {
  const dir = newDir();
  const ports = await freePorts(3);
  const peers = ports.map((port, index) => ({
    nodeId: `n${index + 1}`,
    address: `127.0.0.1:${port}`,
  }));
  const followers = started.map((node) => serve(node, { peers, dir }));
  const node = await Node.open({
    disk: new NodeDisk({ unsafeNoLock: false }),
    clock: new SystemClock(),
    entropy: new SystemEntropy(),
    dialer: new WsDialer(),
    dir: join(dir, 'n1'),
    nodeId: 'n1',
    peers,
    initialLeader: 'n1',
  });
  const server = await startServer({ node, host: '127.0.0.1', port: ports[0], log });
  const counting = () =>
    node
      .status()
      .followers.filter(
        ({ connected, state, reason }) => connected && state === 'intact' && reason === null,
      ).length;
  await until('a whole cluster', () => node.status().role === 'leader' && counting() === 2);
  return {
    node,
    dir,
    peers,
    followers,
    close: async () => {
      await server.close();
      await node.close();
      await Promise.all(followers.map(({ stop }) => stop()));
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

const put = (value = VALUE, key = KEY) => ({
  conditions: [],
  ops: [{ op: 'put', key, value }],
  ack: 'quorum',
  timeoutMs: 60_000,
});

/** Commits before the first one that is measured: until then the engine still compiles what they run through. */
const WARM_COMMITS = 10_000;

/**
 * Microseconds of `commit`, one at a time, beside two bare fdatasyncs in turns with it: medians of the rounds, and of their ratios.
 * One client is a caller in the leader's own process that awaits each write.
 */
async function latencyOf(commit, dir) {
  const microseconds = async (count) => {
    const times = [];
    for (let index = 0; index < count; index += 1) {
      const start = performance.now();
      await commit();
      times.push((performance.now() - start) * 1000);
    }
    return times;
  };
  const cold = medianOf(await microseconds(200));
  await microseconds(WARM_COMMITS - 200);
  const rounds = [];
  for (let round = 0; round < 10; round += 1) {
    const syncs = bareSyncsUs(dir, 100);
    const ours = medianOf(await microseconds(200));
    syncs.push(...bareSyncsUs(dir, 100));
    const bare = 2 * medianOf(syncs);
    rounds.push({ ours, bare, ratio: ours / bare });
  }
  const median = (field) => medianOf(rounds.map((round) => round[field]));
  return {
    value: median('ours'),
    unit: 'us p50',
    base: `two bare fdatasyncs ${median('bare').toFixed(0)} us`,
    ratio: median('ratio'),
    note: `the first 200 took ${cold.toFixed(0)} us`,
  };
}

async function latency() {
  const { node, dir, close } = await cluster({ started: ['n2', 'n3'] });
  const request = put();
  const result = await latencyOf(() => node.write(request), dir);
  await close();
  return { ...result, note: `quorum 2 of 3; ${result.note}` };
}

/** What no code of ours can be faster than here. */
async function latencyFloor() {
  const dir = newDir();
  const { commit, close } = await floor(dir);
  const result = await latencyOf(commit, dir);
  close();
  fs.rmSync(dir, { recursive: true });
  return { ...result, note: `write, message, write, message and nothing else; ${result.note}` };
}

/** Keeps `inFlight` calls of `write` going for `totalMs`; calls per second. */
async function keepBusy(write, inFlight, totalMs) {
  const start = performance.now();
  let done = 0;
  const worker = async () => {
    while (performance.now() - start < totalMs) {
      await write();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return (done / (performance.now() - start)) * 1000;
}

/** Acknowledged at quorum by two other processes, beside the log alone in this one. */
async function shipping() {
  const inFlight = 4096;
  const dir = newDir();
  const alone = await openLog(join(dir, 'alone'));
  const append = () => alone.append(OP.PUT, KEY, VALUE);
  await keepBusy(append, inFlight, 500);
  const { node, close } = await cluster({ started: ['n2', 'n3'] });
  const request = put();
  await keepBusy(() => node.write(request), inFlight, 1_000);
  const rounds = [];
  for (let round = 0; round < 6; round += 1) {
    const before = await keepBusy(append, inFlight, 400);
    const shipped = await keepBusy(() => node.write(request), inFlight, 1_000);
    const base = (before + (await keepBusy(append, inFlight, 400))) / 2;
    rounds.push({ shipped, base, ratio: shipped / base });
  }
  await close();
  await alone.close();
  fs.rmSync(dir, { recursive: true });
  const median = (field) => medianOf(rounds.map((round) => round[field]));
  const base = `append alone ${Math.round(median('base')).toLocaleString('en-US')} rec/s`;
  return {
    value: median('shipped'),
    unit: 'rec/s',
    base,
    ratio: median('ratio'),
    note: '100 B, 4,096 in flight, quorum 2 of 3',
  };
}

/** A follower that was away while 1 GiB was written comes back. */
async function catchUp() {
  const bytes = 1024 * MiB;
  const running = await cluster({ started: ['n2', 'n3'] });
  const { node, dir, peers, followers } = running;
  await followers[1].stop();
  const value = Buffer.alloc(1000, 0x76);
  let count = 0;
  const total = Math.ceil(bytes / 1037);
  const worker = async () => {
    while (count < total) {
      count += 1;
      await node.write(put(value, Buffer.from(`key-${String(count % 100_000).padStart(12, '0')}`)));
    }
  };
  await Promise.all(Array.from({ length: 256 }, worker));
  const speed = medianOf([0, 1, 2].map(() => sequentialSpeed(dir, 512 * MiB)));
  const floors = [];
  for (let round = 0; round < 3; round += 1) floors.push(await floorSpeed(dir, 512 * MiB));
  const bare = medianOf(floors);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let worst = before;
  const target = node.status().durable.lsn;
  const start = performance.now();
  let first;
  followers[1] = serve('n3', { peers, dir });
  await until(
    'a follower that has caught up',
    () => {
      worst = Math.max(worst, process.memoryUsage().rss);
      const n3 = node.status().followers.find(({ nodeId }) => nodeId === 'n3');
      if (n3?.connected) first ??= performance.now();
      return n3?.connected && n3.durableLsn >= target;
    },
    600_000,
  );
  const seconds = (performance.now() - (first ?? start)) / 1000;
  await running.close();
  const ours = bytes / MiB / seconds;
  const base = `sequential write + fsync ${speed.toFixed(0)} MiB/s`;
  const rise = `leader's memory rose by ${((worst - before) / MiB).toFixed(0)} MiB`;
  const least = `${bare.toFixed(0)} MiB/s (${(bare / speed).toFixed(2)})`;
  const note = `from the first connection on; ${rise}; receive, CRC, write and fsync alone: ${least}`;
  return { value: ours, unit: 'MiB/s', base, ratio: ours / speed, note };
}

export const figures = [
  { name: 'commit latency, one client', goal: { most: 3 }, run: latency },
  { name: 'the same, bare parts', run: latencyFloor },
  { name: 'shipping to two processes', goal: { least: 0.4 }, run: shipping },
  { name: 'catch-up, 1 GiB behind', goal: { least: 0.4 }, run: catchUp },
];
