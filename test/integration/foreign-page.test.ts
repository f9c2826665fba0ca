/**
 * Goal: a web page that its visitor opens by accident can do nothing to a cluster on the visitor's machine.
 * Method: Chromium opens pages of other origins, and each tries one thing at real nodes. Everything between the browser and the node
 * goes through a tap, which shows that the request was sent and that the node, not the browser, refused it.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestCluster, runCommand, until } from './cluster.ts';

const CHROMIUM = '/usr/bin/chromium';
/** Resolved to this machine, as a name is that an attacker rebinds. */
const EVIL_HOST = 'evil.example';
const WAIT_MS = 10_000;
const PAGE = '<!doctype html><title>harmless</title>';
const PAGE_ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n${PAGE}`;

interface Exchange {
  /** Of the request: its first line and its headers. */
  readonly head: string;
  /** Undefined where no answer came. */
  readonly status: number | undefined;
}

/** Passes bytes on to a node and keeps them. */
class Tap {
  readonly #server: Server;
  #connections: { sent: string; received: string }[] = [];

  private constructor(nodePort: number) {
    this.#server = createTcpServer((browser) => {
      const kept = { sent: '', received: '' };
      this.#connections.push(kept);
      const node = connect(nodePort, '127.0.0.1');
      const onNode = (chunk: Buffer): void => {
        kept.received += chunk.toString('latin1');
        browser.write(chunk);
      };
      browser.on('data', (chunk: Buffer) => {
        // The page of a name that is rebound comes from elsewhere, and everything after it from the node.
        const first = kept.sent === '' && chunk.toString('latin1').startsWith('GET / ');
        if (first) {
          browser.end(PAGE_ANSWER);
        } else {
          kept.sent += chunk.toString('latin1');
          node.write(chunk);
        }
      });
      node.on('data', onNode);
      for (const [one, other] of [
        [browser, node],
        [node, browser],
      ] as const) {
        one.on('error', () => {});
        one.on('close', () => other.destroy());
      }
    });
  }

  static async of(nodePort: number): Promise<Tap> {
    const tap = new Tap(nodePort);
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve));
    return tap;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What went through for `target` since the last `forget`, oldest first. */
  of(target: string): readonly Exchange[] {
    return this.#connections.flatMap(({ sent, received }) => {
      const heads = sent.match(
        /^(?:GET|PUT|POST|DELETE|OPTIONS) [^\r\n]+ HTTP\/1\.1\r\n.*?\r\n\r\n/gms,
      );
      const statuses = [...received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) =>
        Number(status),
      );
      return (heads ?? [])
        .map((head, index) => ({ head, status: statuses[index] }))
        .filter(({ head }) => head.split(' ')[1] === target);
    });
  }

  forget(): void {
    this.#connections = [];
  }

  close(): void {
    this.#server.close();
  }
}

if (!existsSync(CHROMIUM)) {
  console.warn(`skipped: there is no ${CHROMIUM} (apt-get install chromium)`);
}

describe.skipIf(!existsSync(CHROMIUM))('a page of another origin', () => {
  let cluster: TestCluster;
  let userDir: string;
  let context: BrowserContext;
  let site: HttpServer;
  let page: Page;
  /** In front of n1, which leads, and of n2. */
  let leader: Tap;
  let follower: Tap;

  beforeAll(async () => {
    cluster = await TestCluster.create();
    await cluster.startAll();
    expect((await runCommand('put', 'secret', 's3cr3t', '--url', cluster.url('n1'))).code).toBe(0);
    leader = await Tap.of(cluster.port('n1'));
    follower = await Tap.of(cluster.port('n2'));
    site = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end(PAGE);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    userDir = await mkdtemp(path.join(tmpdir(), 'walship-browser-'));
    context = await chromium.launchPersistentContext(userDir, {
      executablePath: CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--host-resolver-rules=MAP ${EVIL_HOST} 127.0.0.1`,
      ],
    });
  });

  afterAll(async () => {
    await context?.close();
    site?.close();
    leader?.close();
    follower?.close();
    await cluster?.dispose();
    if (userDir !== undefined) await rm(userDir, { recursive: true, force: true });
  });

  let before: unknown;
  beforeEach(async () => {
    before = await facts();
    page = await context.newPage();
    await page.goto(`http://${EVIL_HOST}:${(site.address() as AddressInfo).port}/`);
    leader.forget();
    follower.forget();
  });

  afterEach(async () => {
    await page.close();
    // Whatever was tried, nothing has come of it.
    expect(await facts()).toEqual(before);
  });

  /** What a page could have changed: who leads, the history, and every key. */
  async function facts(): Promise<unknown> {
    const nodes = await Promise.all(
      cluster.ids.map(async (id) => {
        const status = await answer(`${cluster.url(id)}/v1/status`);
        const { nodeId, role, state, epoch, historyId, promise, voters, received } = status;
        return { nodeId, role, state, epoch, historyId, promise, voters, received };
      }),
    );
    return { nodes, keys: await answer(`${cluster.url('n1')}/v1/kv`) };
  }

  /** Sends a request as any page may, without asking anybody first, and resolves when it is done. */
  async function post(tap: Tap, target: string, body: string): Promise<void> {
    await page.evaluate(
      async ([url, text]) => {
        await fetch(url, { method: 'POST', mode: 'no-cors', body: text }).catch(() => {});
      },
      [`http://127.0.0.1:${tap.port}${target}`, body] as const,
    );
  }

  async function expectRefused(
    tap: Tap,
    target: string,
    status: number,
    head: RegExp,
  ): Promise<void> {
    await until(`${target} is answered`, () =>
      tap.of(target).some((exchange) => exchange.status !== undefined),
    );
    for (const exchange of tap.of(target)) {
      expect(exchange.status).toBe(status);
      expect(exchange.head).toMatch(head);
    }
  }

  const FOREIGN_ORIGIN = new RegExp(`^Origin: http://${EVIL_HOST}:\\d+\r$`, 'm');

  test('does not switch leaders', async () => {
    await post(leader, '/v1/admin/switchover', '{"to":"n3"}');
    await expectRefused(leader, '/v1/admin/switchover', 403, FOREIGN_ORIGIN);
  });

  test.for(['leader', 'follower'] as const)(
    'does not write at a %s, where redirects are followed',
    async (role) => {
      const tap = role === 'leader' ? leader : follower;
      await post(tap, '/v1/txn', '{"ops":[{"op":"put","key":"evil","value":"djE="}]}');
      await expectRefused(tap, '/v1/txn', 403, FOREIGN_ORIGIN);
    },
  );

  test.for([
    ['/v1/admin/failover', '{"acceptDataLoss":true}'],
    ['/v1/admin/rejoin', '{"discard":true}'],
    ['/v1/admin/promote', ''],
    ['/v1/admin/snapshot', ''],
  ] as const)('does not reach %s', async ([target, body]) => {
    await post(follower, target, body);
    await expectRefused(follower, target, 403, FOREIGN_ORIGIN);
  });

  test('does not send a form', async () => {
    const target = '/v1/txn';
    const action = `http://127.0.0.1:${leader.port}${target}`;
    const input = `<input name='{"ops":[{"op":"put","key":"evil","value":"djE' value='"}]}'>`;
    await page.setContent(
      `<form method="post" enctype="text/plain" action="${action}">${input}</form>`,
    );
    await page.evaluate('document.forms[0].submit()');
    await expectRefused(leader, target, 403, FOREIGN_ORIGIN);
  });

  test.for(['/v1/client', '/v1/replicate'])('opens no WebSocket at %s', async (target) => {
    const opened = await page.evaluate(openSocket, `ws://127.0.0.1:${leader.port}${target}`);

    expect(opened).toBe(false);
    await expectRefused(leader, target, 403, FOREIGN_ORIGIN);
  });

  test('shows no value, page or status as an image, a script or a frame', async () => {
    const targets = ['/v1/kv/secret', '/v1/kv?prefix=s', '/v1/status'];
    const [value, list, status] = targets.map(
      (target) => `http://127.0.0.1:${leader.port}${target}`,
    );
    await page.setContent(
      `<img src="${value}"><script src="${list}"></script><iframe src="${status}"></iframe>`,
    );
    for (const target of targets) {
      await expectRefused(leader, target, 403, /^Sec-Fetch-Site: cross-site\r$/m);
    }
  });

  test('reads nothing, also where it asks for leave', async () => {
    const url = `http://127.0.0.1:${leader.port}/v1/kv/secret`;
    const text = await page.evaluate(fetchText, { url, method: 'GET' });
    const put = await page.evaluate(fetchText, { url, method: 'PUT' });

    expect([text, put]).toEqual(['refused by the browser', 'refused by the browser']);
    await expectRefused(leader, '/v1/kv/secret', 403, FOREIGN_ORIGIN);
  });

  describe('whose name has been given the address of a node', () => {
    const FOREIGN_HOST = new RegExp(`^Host: ${EVIL_HOST}:\\d+\r$`, 'm');

    async function rebound(): Promise<string> {
      const origin = `http://${EVIL_HOST}:${leader.port}`;
      await page.goto(`${origin}/`);
      return origin;
    }

    test('reads and writes nothing as its own origin', async () => {
      const url = `${await rebound()}/v1/kv/secret`;
      const got = await page.evaluate(fetchText, { url, method: 'GET' });
      const put = await page.evaluate(fetchText, { url, method: 'PUT' });

      for (const text of [got, put]) expect(text).toMatch(/^421 .*HOST_UNKNOWN/s);
      await expectRefused(leader, '/v1/kv/secret', 421, FOREIGN_HOST);
    });

    test.for(['/v1/client', '/v1/replicate'])('opens no WebSocket at %s', async (target) => {
      const url = `${(await rebound()).replace('http:', 'ws:')}${target}`;

      expect(await page.evaluate(openSocket, url)).toBe(false);
      await expectRefused(leader, target, 421, FOREIGN_HOST);
    });
  });

  test('is not what a person is who types an address', async () => {
    const response = await page.goto(`http://127.0.0.1:${leader.port}/v1/status`);

    expect(response?.status()).toBe(200);
    expect(await response?.json()).toMatchObject({ nodeId: 'n1', role: 'leader' });
  });
});

async function answer(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) });
  return (await response.json()) as Record<string, unknown>;
}

/** Runs in the page. */
function openSocket(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.addEventListener('open', () => resolve(true));
    socket.addEventListener('error', () => resolve(false));
  });
}

/** Runs in the page. */
async function fetchText({ url, method }: { url: string; method: string }): Promise<string> {
  try {
    const response = await fetch(url, method === 'GET' ? {} : { method, body: 'evil' });
    return `${response.status} ${await response.text()}`;
  } catch {
    return 'refused by the browser';
  }
}
