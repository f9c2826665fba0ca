/** What a snapshot costs: those who write while it is taken, and a new follower that gets it instead of the log. Three processes on loopback. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { connect } from '../dist/client/index.js';
import { freePorts, medianOf, MiB, newDir, sequentialSpeed, serve, until } from './support.mjs';

const KEYS = 1_000_000;
const SMALL_BYTES = 100;
/** With its key and 21 bytes around them, a million of these are 1 GiB. */
const LARGE_BYTES = 1037;
const FILL_IN_FLIGHT = 1_024;
const WRITES_PER_SECOND = 500;
const SNAPSHOTS = 5;
const ADDED_MS_GOAL = 20;
/** Nodes take no snapshot by themselves here, and a leader keeps no log for a voter that is away. */
const QUIET = ['--snapshot-log-bytes', String(2 ** 40), '--retain-bytes-max', '65536'];

const keyOf = (index) => `key-${String(index).padStart(12, '0')}`;

async function cluster() {
  const dir = newDir();
  const peers = (await freePorts(3)).map((port, index) => ({
    nodeId: `n${index + 1}`,
    address: `127.0.0.1:${port}`,
  }));
  const start = (nodeId) => serve(nodeId, { peers, dir, more: QUIET });
  const nodes = new Map(peers.map(({ nodeId }) => [nodeId, start(nodeId)]));
  const ask = async (index, path, method = 'GET') => {
    const response = await fetch(`http://${peers[index].address}${path}`, { method });
    return response.headers.get('content-type')?.includes('json')
      ? response.json()
      : response.text();
  };
  const status = (index) => ask(index, '/v1/status').catch(() => undefined);
  const close = async () => {
    await Promise.all([...nodes.values()].map(({ stop }) => stop()));
    fs.rmSync(dir, { recursive: true, force: true });
  };
  const whole = until('a leader', async () => {
    const leader = await status(0);
    const counting = leader?.followers?.filter(({ reason }) => reason === null) ?? [];
    return leader?.role === 'leader' && counting.length === 2;
  });
  await whole.catch(async (error) => {
    await close();
    throw error;
  });
  const client = await connect({ nodes: [peers[0].address], timeoutMs: 60_000 });
  return {
    dir,
    client,
    status,
    pidOf: (nodeId) => nodes.get(nodeId).pid,
    start: (nodeId) => nodes.set(nodeId, start(nodeId)),
    wipe: async (nodeId) => {
      await nodes.get(nodeId).kill();
      fs.rmSync(join(dir, nodeId), { recursive: true });
    },
    events: (index) => ask(index, '/v1/events'),
    metrics: (index) => ask(index, '/metrics'),
    snapshot: async (index = 0) => {
      const taken = await ask(index, '/v1/admin/snapshot', 'POST');
      if (taken.error !== undefined) throw new Error(taken.error.message);
      return taken;
    },
    close: async () => {
      await client.close();
      await close();
    },
  };
}

/** Writes every key once. */
async function fill(client, value) {
  let next = 0;
  const worker = async () => {
    while (next < KEYS) {
      next += 1;
      await client.put(keyOf(next), value);
    }
  };
  await Promise.all(Array.from({ length: FILL_IN_FLIGHT }, worker));
}

/** One write every 2 ms whatever becomes of the ones before, until `ended`; milliseconds of each from when it was due. */
async function steadyWrites(client, ended) {
  const value = Buffer.alloc(SMALL_BYTES, 0x76);
  const times = [];
  const inFlight = new Set();
  const start = performance.now();
  for (let index = 0; !ended(); index += 1) {
    const dueMs = start + (index * 1_000) / WRITES_PER_SECOND;
    while (performance.now() < dueMs) await new Promise((resolve) => setTimeout(resolve, 1));
    const key = keyOf(1 + ((index * 7_919) % KEYS));
    const write = client.put(key, value).then(() => {
      times.push(performance.now() - dueMs);
      inFlight.delete(write);
    });
    inFlight.add(write);
  }
  await Promise.all(inFlight);
  return times;
}

function percentile(times, part) {
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * part) - 1];
}

async function worstDelayMs(running, index) {
  const text = await running.metrics(index);
  return 1_000 * Number(/^walship_event_loop_delay_seconds\{of="max"\} (\S+)$/m.exec(text)?.[1]);
}

async function meanwhile() {
  const running = await cluster();
  try {
    const { client } = running;
    await fill(client, Buffer.alloc(SMALL_BYTES, 0x76));
    await running.snapshot();
    const quiet = [];
    const during = [];
    const took = [];
    for (let round = 0; round < SNAPSHOTS; round += 1) {
      const untilMs = performance.now() + (took.at(-1) ?? 3_000);
      quiet.push(...(await steadyWrites(client, () => performance.now() >= untilMs)));
      let over = false;
      const snapshot = running.snapshot().finally(() => (over = true));
      during.push(...(await steadyWrites(client, () => over)));
      took.push((await snapshot).tookMs);
    }
    const before = percentile(quiet, 0.99);
    const added = percentile(during, 0.99) - before;
    const delay = await worstDelayMs(running, 0);
    return {
      value: added,
      unit: 'ms added to p99',
      base: `goal ${ADDED_MS_GOAL} ms`,
      ratio: added / ADDED_MS_GOAL,
      note:
        `${WRITES_PER_SECOND} writes/s; p99 without ${before.toFixed(1)} ms; ${SNAPSHOTS} snapshots of ${KEYS.toLocaleString('en-US')} keys, ` +
        `${(medianOf(took) / 1_000).toFixed(1)} s each; the leader's worst event-loop delay ${delay.toFixed(0)} ms`,
    };
  } finally {
    await running.close();
  }
}

const residentMiB = (pid) => {
  const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024;
};

/** From when a node wanted a snapshot until it had installed it. */
async function transferMs(running, index) {
  const { events } = await running.events(index);
  const at = (code) => events.find((event) => event.code === code).timeMs;
  return at('SNAPSHOT_INSTALLED') - at('SNAPSHOT_WANTED');
}

/** A third node with an empty directory, after the log below the snapshot was purged. */
async function bootstrap() {
  const running = await cluster();
  try {
    const { client, dir } = running;
    await running.wipe('n3');
    await fill(client, Buffer.alloc(LARGE_BYTES, 0x76));
    // The second one lets the log below the first go.
    const { bytes } = await running.snapshot();
    await client.put(keyOf(1), Buffer.alloc(LARGE_BYTES, 0x77));
    await running.snapshot();
    const bare = medianOf([0, 1, 2].map(() => sequentialSpeed(dir, 512 * MiB)));
    const pid = running.pidOf('n1');
    const before = residentMiB(pid);
    let worst = before;
    const { durable, log } = await running.status(0);
    if (log.firstLsn === 1) throw new Error('the log still reaches back to its beginning');
    running.start('n3');
    let first;
    await until(
      'a follower that has everything',
      async () => {
        worst = Math.max(worst, residentMiB(pid));
        const n3 = (await running.status(0)).followers.find(({ nodeId }) => nodeId === 'n3');
        if (n3?.connected) first ??= performance.now();
        return n3?.reason === null && n3.appliedLsn >= durable.lsn;
      },
      600_000,
    );
    const speed = bytes / MiB / ((performance.now() - first) / 1_000);
    const sentMs = await transferMs(running, 2);
    const delays = await Promise.all([0, 2].map((index) => worstDelayMs(running, index)));
    return {
      value: speed,
      unit: 'MiB/s',
      base: `sequential write + fsync ${bare.toFixed(0)} MiB/s`,
      ratio: speed / bare,
      note:
        `${(bytes / MiB).toFixed(0)} MiB, from the first connection until it counts and shows everything; of that sending ${(sentMs / 1_000).toFixed(1)} s; ` +
        `the leader's memory rose by ${(worst - before).toFixed(0)} MiB; worst event-loop delay of the leader ${delays[0].toFixed(0)}, of the follower ${delays[1].toFixed(0)} ms`,
    };
  } finally {
    await running.close();
  }
}

export const figures = [
  { name: 'p99 of writes while one is taken', goal: { most: 1 }, run: meanwhile },
  { name: 'bootstrap of a follower, 1 GiB', goal: { least: 0.4 }, run: bootstrap },
];
