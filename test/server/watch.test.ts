import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WalshipError } from '../../src/errors.ts';
import { serverOf } from './harness.ts';
import type { RunningServer } from '../../src/server/server.ts';

function open(server: RunningServer, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { port } = server.address;
    const sent = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.on('error', () => {}); // Tests leave watches before they end.
      resolve(response);
    });
    sent.on('error', reject);
    sent.end();
    onTestFinished(() => void sent.destroy());
  });
}

async function take(response: IncomingMessage, count: number): Promise<unknown[]> {
  const lines: unknown[] = [];
  let rest = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) lines.push(JSON.parse(line));
    if (lines.length >= count) break;
  }
  return lines;
}

const txn = JSON.stringify({
  ops: [
    { op: 'put', key: 'a', value: 'MQ==' },
    { op: 'put', key64: '_w', value: '' },
    { op: 'delete', key: 'a' },
  ],
});

describe('a watch', () => {
  test('shows changes in order and where a transaction ends', async () => {
    const { server, call } = await serverOf();
    await call('POST', '/v1/txn', { body: txn });

    const response = await open(server, '/v1/watch?after=3.0');

    expect(response.headers['content-type']).toBe('application/x-ndjson');
    expect(await take(response, 3)).toEqual([
      { op: 'put', key: 'a', value64: 'MQ==', version: '3.1', last: false },
      { op: 'put', key64: '_w', value64: '', version: '3.2', last: false },
      { op: 'delete', key: 'a', version: '3.3', last: true },
    ]);
  });

  test('begins with what comes from now on, and says where that is', async () => {
    const { server, call } = await serverOf();
    await call('PUT', '/v1/kv/old', { body: 'v' });

    const response = await open(server, '/v1/watch?prefix=n');
    await call('PUT', '/v1/kv/other', { body: 'v' });
    await call('PUT', '/v1/kv/new', { body: 'v' });

    expect(await take(response, 2)).toMatchObject([
      { progress: '3.1' },
      { key: 'new', version: '3.3' },
    ]);
  });

  test('of a purged version is 410 with the oldest one', async () => {
    const { node, call } = await serverOf();
    node.failure = new WalshipError('PURGED', 'the log begins at version 3.9', {
      details: { oldest: '3.9' },
    });

    const answer = await call('GET', '/v1/watch?after=3.1');

    expect([answer.status, answer.json['error'].oldest]).toEqual([410, '3.9']);
  });

  test('that fails later ends with a line that says why', async () => {
    const { node, server } = await serverOf();
    const response = await open(server, '/v1/watch');
    node.failure = new WalshipError('LSN_REPLACED', 'version 3.1 was cut off');
    node.wake();

    expect(await take(response, 9)).toMatchObject([
      { progress: '3.0' },
      { error: { code: 'LSN_REPLACED', message: 'version 3.1 was cut off' } },
    ]);
  });

  test('takes no more from the node than its reader takes', async () => {
    const { node, server, call } = await serverOf();
    const body = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 40; i += 1) await call('PUT', `/v1/kv/${i}`, { body });

    const response = await open(server, '/v1/watch?after=3.0');
    response.pause();
    let before = -1;
    while (node.eventsTaken !== before) {
      before = node.eventsTaken;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }

    expect(node.eventsTaken).toBeLessThan(30);
    expect(await take(response, 40)).toHaveLength(40);
  });

  test('ends in the node when its client is gone', async () => {
    const { node, server, call } = await serverOf();
    const response = await open(server, '/v1/watch');
    response.destroy();

    await expect
      .poll(async () => (await call('GET', '/metrics')).body.toString())
      .toContain('walship_http_watchers 0');
    await call('PUT', '/v1/kv/a', { body: 'v' });
    expect(node.eventsTaken).toBe(0);
  });

  test('ends with NODE_CLOSED when the server closes', async () => {
    const { server } = await serverOf();
    const response = await open(server, '/v1/watch');

    const [lines] = await Promise.all([take(response, 9), server.close()]);

    expect(lines).toMatchObject([{ progress: '3.0' }, { error: { code: 'NODE_CLOSED' } }]);
  });
});
