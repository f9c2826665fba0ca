import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the fake saw of one request. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What it shall answer. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: Buffer;
  /** Break the connection instead. */
  readonly hangUp?: boolean;
}

/** An HTTP server that answers what the test says and keeps what it was asked. */
export class FakeServer {
  readonly seen: Seen[] = [];
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answer: (seen: Seen) => Reply): Promise<FakeServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakeServer(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const url = new URL(request.url ?? '', fake.url);
        const seen = {
          method: request.method ?? '',
          // As it came: a URL object would decode and normalise what is under test.
          path: (request.url ?? '').split('?')[0] ?? '',
          query: Object.fromEntries(url.searchParams),
          headers: request.headers,
          body: Buffer.concat(chunks),
        };
        fake.seen.push(seen);
        const reply = answer(seen);
        if (reply.hangUp === true) {
          request.socket.destroy();
        } else {
          response.writeHead(reply.status ?? 200, reply.headers ?? {});
          response.end(reply.body ?? JSON.stringify(reply.json ?? {}));
        }
      });
    });
    return fake;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The body of a refusal, as servers send it. */
export function refusal(code: string, outcome?: 'rejected' | 'indeterminate'): unknown {
  return { error: { code, message: `a ${code}`, outcome, hint: `advice on ${code}` } };
}
