import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { startServer } from '../../src/server/server.ts';
import type { RunningServer, ServerOptions } from '../../src/server/server.ts';
import { FakeNode } from './fake-node.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: Record<string, any>; // oxlint-disable-line typescript/no-explicit-any
}

export interface Call {
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string;
}

/** A server over a fake node, closed when the test ends. `call` sends the target exactly as given. */
export async function serverOf(
  node: FakeNode = new FakeNode(),
  more: Omit<Partial<ServerOptions>, 'node' | 'host' | 'port' | 'log'> = {},
) {
  const errors: object[] = [];
  const log = { warn: () => {}, error: (fields: object) => errors.push(fields) };
  const server = await startServer({
    node,
    host: '127.0.0.1',
    port: 0,
    log,
    hostNames: ['n1'],
    ...more,
  });
  onTestFinished(() => server.close());
  const call = (method: string, target: string, options: Call = {}) =>
    send(server, { method, target, ...options });
  return { node, server, call, errors };
}

function send(
  server: RunningServer,
  { method, target, headers, body }: Call & { method: string; target: string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = server.address;
    const request = httpRequest(
      { host: '127.0.0.1', port, method, path: target, headers: headers ?? {}, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const all = Buffer.concat(chunks);
          const isJson = response.headers['content-type'] === 'application/json';
          const json = isJson && all.length > 0 ? JSON.parse(all.toString()) : {};
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: all, json });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends raw bytes and resolves with everything that comes back until the server closes. */
export function sendRaw(server: RunningServer, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.address.port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
