/**
 * Goal: the largest legal input of each request, and the largest illegal ones, keep no turn of a node's event loop for longer than 50 ms.
 * Method: a real node that counts the CPU time of its turns (turn-probe.mjs), so that other work on the machine does not count. Each request is made several times, and the
 * best time counts: what it costs always, and not what the garbage collector, the compiler or fresh memory add now and then. The node also measures a fixed piece of work
 * just then: where that takes longer than on the machine for which 50 ms are meant, the bound is as many times higher. It is never lower.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/index.ts';
import type { Client } from '../../src/client/index.ts';
import { TRANSACTION_ITEMS_MAX, VALUE_BYTES_MAX } from '../../src/wal/format/limits.ts';
import { PROGRAM, TestCluster, until } from './cluster.ts';

const TURN_MS_MAX = 50;
/** CPU time of the probe's fixed piece of work on the machine for which TURN_MS_MAX is meant. */
const CALIBRATION_MS = 3;
const TRIES = 4;
const PROBE = fileURLToPath(new URL('turn-probe.mjs', import.meta.url));

let cluster: TestCluster;
let node: ChildProcess;
let client: Client;

beforeAll(async () => {
  cluster = await TestCluster.of(1);
  // Memory that was used once stays with the process: whether the kernel hands it out anew is not what is measured.
  const env = { ...process.env, MALLOC_TRIM_THRESHOLD_: '4294967296', MALLOC_MMAP_MAX_: '0' };
  node = spawn(process.execPath, ['--import', PROBE, PROGRAM, ...cluster.args('n1')], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await until('the node is ready', async () => {
    const answer = await fetch(`${cluster.url('n1')}/leader`).catch(() => undefined);
    return answer?.status === 200;
  });
  client = await connect({ nodes: [`127.0.0.1:${cluster.port('n1')}`] });
});

afterAll(async () => {
  await client.close();
  node.kill('SIGKILL');
  await once(node, 'close');
  await cluster.dispose();
});

interface Turns {
  readonly longestMs: number;
  readonly calibrationMs: number;
}

/** The longest turn of the node while `work` goes on, in milliseconds of CPU as on the machine for which the bound is meant, if this one is slower; the best of several tries. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let bestMs = Infinity;
  for (let count = 0; count < TRIES; count += 1) {
    node.send('begin');
    await work();
    const answer = once(node, 'message');
    node.send('end');
    const [{ longestMs, calibrationMs }] = (await answer) as [Turns];
    bestMs = Math.min(bestMs, longestMs / Math.max(1, calibrationMs / CALIBRATION_MS));
  }
  return bestMs;
}

function call(method: string, path: string, body: Buffer | string = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const url = `${cluster.url('n1')}${path}`;
    const request = httpRequest(url, { method, agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('error', reject);
    request.end(body);
  });
}

const repeated = (item: (index: number) => string): string =>
  Array.from({ length: TRANSACTION_ITEMS_MAX }, (_, index) => item(index)).join(',');
const value = Buffer.alloc(VALUE_BYTES_MAX, 7);
const putAll = Array.from({ length: TRANSACTION_ITEMS_MAX }, (_, index) => ({
  op: 'put' as const,
  key: `k${index}`,
  value: 'v',
}));
const largeTransaction = JSON.stringify({
  ops: ['large', 'large2'].map((key) => ({
    op: 'put',
    key,
    value: value.subarray(0, 15_900_000).toString('base64'),
  })),
});

test.for<[string, () => Promise<unknown>]>([
  [
    'a transaction of empty objects',
    () => call('POST', '/v1/txn', `{"ops":[${'{},'.repeat(16e6)}{}]}`),
  ],
  ['a transaction of white space', () => call('POST', '/v1/txn', `{"ops":[${' '.repeat(48e6)}]}`)],
  [
    'a transaction of many operations',
    () =>
      call(
        'POST',
        '/v1/txn',
        `{"ops":[${repeated((index) => `{"op":"put","key":"k${index}","value":"dg=="}`)}]}`,
      ),
  ],
  [
    'a transaction of many conditions',
    () =>
      call(
        'POST',
        '/v1/txn',
        `{"if":[${repeated((index) => `{"key":"c${index}","version":null}`)}]}`,
      ),
  ],
  ['a transaction of large values', () => call('POST', '/v1/txn', largeTransaction)],
  ['the largest value', () => call('PUT', '/v1/kv/large', value)],
  ['a read of the largest value', () => call('GET', '/v1/kv/large')],
  ['a page of large values', () => call('GET', '/v1/kv?prefix=large')],
  ['a page of many keys', () => call('GET', '/v1/kv?limit=1000')],
  [
    'a body where none belongs',
    () => call('POST', '/v1/admin/switchover', `[${'{},'.repeat(5_000)}{}]`),
  ],
  ['the largest value, of a client', () => client.put('large', value)],
  ['a read of the largest value, by a client', () => client.get('large')],
  ['many operations, of a client', () => client.txn({ ops: putAll })],
  [
    'many conditions, of a client',
    () => client.txn({ if: putAll.map(({ key }) => ({ key, version: '*' })), ops: [] }),
  ],
])('%s', async ([, work]) => {
  expect(await longestTurn(work)).toBeLessThan(TURN_MS_MAX);
});

test('a watch that goes through many operations and large values', async () => {
  const { version: after } = await client.put('first', 'v');
  await client.txn({ ops: putAll });
  await client.put('large', value);
  await client.put('large2', value);
  await client.put('last', 'v');

  const longestMs = await longestTurn(async () => {
    for await (const change of client.watch({ after })) {
      if (Buffer.from(change.key).toString() === 'last') break;
    }
  });

  expect(longestMs).toBeLessThan(TURN_MS_MAX);
});
