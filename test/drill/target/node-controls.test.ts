import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { controlNode, cutPower } from '../../../src/drill/target/node-controls.ts';

test('a node that does not listen yet is told when it does', async () => {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');

  const told = controlNode(`http://127.0.0.1:${port}`, { kind: 'stall', forMs: 5 });
  const node = createServer((request: IncomingMessage, response) => {
    response.end(request.method === 'GET' ? '{"role":"follower"}' : '{}');
  });
  onTestFinished(() => void node.close());
  node.listen(port, '127.0.0.1');

  await expect(told).resolves.toBeUndefined();
});

test('a node whose power fails gives no answer, and one that answers lives on', async () => {
  let dies = true;
  const node = createServer((request: IncomingMessage, response) => {
    if (request.method === 'POST' && dies) request.socket.destroy();
    else response.end('{}');
  });
  onTestFinished(() => void node.close());
  node.listen(0, '127.0.0.1');
  await once(node, 'listening');
  const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;

  await expect(cutPower(url, 1)).resolves.toBeUndefined();
  dies = false;
  await expect(cutPower(url, 1)).rejects.toMatchObject({ code: 'DRILL_FAILED' });
});
