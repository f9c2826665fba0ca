/** Reads from the leader of three processes, through the client library: 64 connections, one read at a time on each. */
import * as fs from 'node:fs';
import { connect } from '../dist/client/index.js';
import { freePorts, medianOf, newDir, serve, until } from './support.mjs';

const CONNECTIONS = 64;
const KEYS = 10_000;
const ROUNDS = 6;
const ROUND_MS = 1_000;

/** Reads per second while every client reads as soon as its last read is answered. */
async function rate(clients, read) {
  const startMs = performance.now();
  let count = 0;
  const loop = async (client) => {
    while (performance.now() - startMs < ROUND_MS) {
      await client.get(`key-${count % KEYS}`, { read });
      count += 1;
    }
  };
  await Promise.all(clients.map(loop));
  return (count / (performance.now() - startMs)) * 1_000;
}

async function reads() {
  const dir = newDir();
  const peers = (await freePorts(3)).map((port, index) => ({
    nodeId: `n${index + 1}`,
    address: `127.0.0.1:${port}`,
  }));
  const nodes = peers.map(({ nodeId }) => serve(nodeId, { peers, dir }));
  const clients = [];
  try {
    const first = [];
    await until('a leader', async () => {
      const client = await connect({ nodes: [peers[0].address] }).catch(() => undefined);
      if (client !== undefined) first.push(client);
      return client !== undefined;
    });
    const [writer] = first;
    const value = Buffer.alloc(100, 0x76);
    const keys = Array.from({ length: KEYS }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => writer.put(key, value, { timeoutMs: 60_000 })));
    await writer.close();
    // The leader is the only node that they know: it answers both kinds.
    for (let index = 0; index < CONNECTIONS; index += 1) {
      clients.push(await connect({ nodes: [peers[0].address], timeoutMs: 60_000 }));
    }
    await rate(clients, 'local');
    await rate(clients, 'linearizable');
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await rate(clients, 'local');
      const linearizable = await rate(clients, 'linearizable');
      const local = (before + (await rate(clients, 'local'))) / 2;
      rounds.push({ linearizable, local, ratio: linearizable / local });
    }
    const median = (field) => medianOf(rounds.map((round) => round[field]));
    return {
      value: median('linearizable'),
      unit: 'reads/s',
      base: `local ${Math.round(median('local')).toLocaleString('en-US')} reads/s`,
      ratio: median('ratio'),
      note: `${CONNECTIONS} connections, 100 B, three processes and the client on the same cores`,
    };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(nodes.map(({ stop }) => stop()));
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

export const figures = [{ name: 'linearizable reads', goal: { least: 0.5 }, run: reads }];
