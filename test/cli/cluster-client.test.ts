/** What operators' commands ask over HTTP: any node will do, and what may have happened is never asked twice. */
import { afterEach, describe, expect, test } from 'vitest';
import { ClusterClient } from '../../src/cli/cluster-client.ts';
import { promote } from '../../src/cli/promote.ts';
import { switchover } from '../../src/cli/switchover.ts';
import { FakeServer, refusal } from './fake-server.ts';
import type { Reply, Seen } from './fake-server.ts';
import { Terminal } from './terminal.ts';

const servers: FakeServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => await server.close()));
});

async function fake(answer: (seen: Seen) => Reply): Promise<FakeServer> {
  const server = await FakeServer.start(answer);
  servers.push(server);
  return server;
}

/** An address where nobody listens. */
async function nobody(): Promise<string> {
  const server = await FakeServer.start(() => ({}));
  await server.close();
  return server.url;
}

async function ask(...urls: string[]): Promise<unknown> {
  const body = Uint8Array.from(Buffer.from('{}'));
  const request = { method: 'POST', path: '/v1/admin/x', body, timeoutMs: 5_000 } as const;
  return await new ClusterClient(urls).json(request);
}

const DONE = { done: true };

describe('a request of an operator', () => {
  test('follows a follower to the leader, body and all', async () => {
    const leader = await fake(() => ({ json: DONE }));
    const follower = await fake((seen) => ({
      status: 307,
      headers: { location: `${leader.url}${seen.path}` },
    }));

    await expect(ask(follower.url)).resolves.toEqual(DONE);
    expect(leader.seen[0]).toMatchObject({ path: '/v1/admin/x', body: Buffer.from('{}') });
  });

  test('goes to the leader where it is reached from here, if its id was given with an address', async () => {
    const leader = await fake(() => ({ json: DONE }));
    const follower = await fake((seen) => ({
      status: 307,
      headers: { location: `http://n2:7401${seen.path}` },
      json: { error: { code: 'NO_LEADER', leader: 'n2:7401', leaderId: 'n2' } },
    }));
    const [given, own] = [leader.url, follower.url].map((url) => url.replace('http://', ''));

    await expect(ask(`n1=${own},n2=${given}`)).resolves.toEqual(DONE);
    expect(leader.seen).toHaveLength(1);
  });

  test('two followers that point at each other end as NO_LEADER', async () => {
    const a: FakeServer = await fake((seen) => ({
      status: 307,
      headers: { location: `${b.url}${seen.path}` },
    }));
    const b: FakeServer = await fake((seen) => ({
      status: 307,
      headers: { location: `${a.url}${seen.path}` },
    }));

    await expect(ask(a.url)).rejects.toMatchObject({ code: 'NO_LEADER', outcome: 'rejected' });
    expect(a.seen.length + b.seen.length).toBe(4);
  });

  test('tries the next address where nobody listens or no leader is known', async () => {
    const lost = await fake(() => ({ status: 503, json: refusal('NO_LEADER', 'rejected') }));
    const leader = await fake(() => ({ json: DONE }));

    await expect(ask(`${await nobody()},${lost.url}`, leader.url)).resolves.toEqual(DONE);
  });

  test('is never sent twice where it may have happened', async () => {
    const broken = await fake(() => ({ hangUp: true }));
    const other = await fake(() => ({ json: DONE }));

    await expect(ask(broken.url, other.url)).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      outcome: 'indeterminate',
    });
    expect(other.seen).toEqual([]);
  });

  test('a refusal keeps its code, outcome and hint', async () => {
    const server = await fake(() => ({ status: 503, json: refusal('NO_QUORUM', 'rejected') }));

    await expect(ask(server.url)).rejects.toMatchObject({
      code: 'NO_QUORUM',
      message: 'a NO_QUORUM',
      outcome: 'rejected',
      details: { hint: 'advice on NO_QUORUM' },
    });
  });

  test('a code of a newer server is passed on by its name', async () => {
    const server = await fake(() => ({ status: 400, json: refusal('FROM_THE_FUTURE') }));

    await expect(ask(server.url)).rejects.toThrow('FROM_THE_FUTURE: a FROM_THE_FUTURE');
  });

  test.for([
    ['nobody listens', async () => await nobody(), 'PEER_UNREACHABLE', 'rejected'],
    [
      'something else answers',
      async () => (await fake(() => ({ status: 502, body: Buffer.from('<html>') }))).url,
      'PROTOCOL_ERROR',
      'indeterminate',
    ],
  ] as const)('where %s it says so', async ([, url, code, outcome]) => {
    await expect(ask(await url())).rejects.toMatchObject({ code, outcome });
  });

  test('promote asks the first address and no other', async () => {
    const answer = { epoch: 4, promisedBy: ['n1', 'n2'], vouchedBy: ['n1', 'n2'], tookMs: 12 };
    const other = await fake(() => ({ json: answer }));
    const common = (...url: string[]) => ({ url, json: false, timeoutMs: 5_000 });

    await expect(promote(common(await nobody(), other.url), new Terminal())).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
    });
    expect(other.seen).toEqual([]);

    const io = new Terminal();
    await promote(common(other.url), io);
    expect(io.stdout).toBe(
      'leads epoch 4, after 12 ms\n  promises from n1, n2; n1, n2 vouch for its log\n',
    );
  });

  test('switchover is asked of any node, and says what was handed over', async () => {
    const answer = { from: 'n1', to: 'n2', epoch: 5, lsn: 41, outageMs: 12.4, leadership: null };
    const other = await fake(() => ({ json: answer }));
    const io = new Terminal();
    const url = [await nobody(), other.url];
    await switchover({ url, json: false, timeoutMs: 5_000, to: 'n2' }, io);

    expect(JSON.parse(String(other.seen[0]?.body))).toEqual({ to: 'n2', timeoutMs: 5_000 });
    expect(io.stdout).toBe(
      'n2 leads epoch 5, handed over by n1\n' +
        '  everything up to LSN 41 is committed and on n2\n' +
        '  writes waited for 12 ms\n',
    );
  });
});
