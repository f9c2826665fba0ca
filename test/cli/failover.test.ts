/** `walship failover` and `walship rejoin`: what they ask for, and of whom; and what they print. */
import { afterEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { FakeNode } from '../server/fake-node.ts';
import { serverOf } from '../server/harness.ts';
import { FakeServer, refusal } from './fake-server.ts';
import type { Reply } from './fake-server.ts';
import { Terminal } from './terminal.ts';

const servers: FakeServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => await server.close()));
});

async function fake(reply: Reply): Promise<FakeServer> {
  const server = await FakeServer.start(() => reply);
  servers.push(server);
  return server;
}

async function run(...args: readonly string[]): Promise<{ code: number; io: Terminal }> {
  const io = new Terminal();
  return { code: await runCommandLine(args, io), io };
}

/** The address of a server with a fake node behind it. */
async function nodeAt(): Promise<string> {
  const { server } = await serverOf(new FakeNode());
  return `127.0.0.1:${server.address.port}`;
}

const FORESEEN =
  `answers   n1  intact, at 3.9\n` +
  `missing   n2  its position is not known (no answer)\n` +
  `kept      everything up to 3.9\n` +
  `at risk   LSN 8 and all above: two are in doubt\n` +
  `voters    n1, quorum 1: from then on start nodes with exactly these in --peers, and --quorum 1\n`;

describe('failover', () => {
  test('without --accept-data-loss says what would be done, and asks for no more', async () => {
    const url = await nodeAt();

    const { code, io } = await run('failover', '--url', url);

    expect(code, io.stderr).toBe(0);
    expect(io.stdout).toBe(
      `${FORESEEN}nothing was changed; to do it, repeat the command with --accept-data-loss\n`,
    );
  });

  test('with it says what was done, and who has to rejoin', async () => {
    const url = await nodeAt();

    const { io } = await run('failover', '--accept-data-loss', '--url', url);

    expect(io.stdout).toBe(
      `${FORESEEN}history   ${'b'.repeat(32)}, led in epoch 1000007\n` +
        `rejoin    n2 can come back with walship rejoin --discard only\n`,
    );
  });

  test('--json prints what HTTP answers, --quorum is passed on', async () => {
    const url = await nodeAt();

    const { io } = await run('failover', '--json', '--quorum', '2', '--url', url);

    expect(JSON.parse(io.stdout)).toMatchObject({ done: false, quorum: 2, voters: ['n1'] });
  });

  test.for([
    [[], { acceptDataLoss: false }],
    [['--accept-data-loss'], { acceptDataLoss: true }],
    [['--accept-data-loss', '--quorum', '2'], { acceptDataLoss: true, quorum: 2 }],
  ] as const)('%s asks for exactly that', async ([args, body]) => {
    const server = await fake({ status: 409, json: refusal('FAILOVER_REFUSED') });

    const { code, io } = await run('failover', ...args, '--url', server.url);

    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /v1/admin/failover',
    ]);
    expect(JSON.parse(String(server.seen[0]?.body))).toEqual(body);
    expect(code).toBe(1);
    expect(io.stderr).toBe(
      'walship: FAILOVER_REFUSED: a FAILOVER_REFUSED\nhint: advice on FAILOVER_REFUSED\n',
    );
  });

  test('that made a history which nobody leads yet says so', async () => {
    const done = await new FakeNode().failover({ acceptDataLoss: true });
    const json = { ...done, epoch: null, notLeading: 'NO_QUORUM: no grant from n2' };
    const server = await fake({ json });

    const { io } = await run('failover', '--accept-data-loss', '--url', server.url);

    expect(io.stdout).toContain(
      `history   ${'b'.repeat(32)} has begun, but this node does not lead it yet: NO_QUORUM: no grant from n2\n`,
    );
  });

  test('that risks nothing says so, and what a missing voter had', async () => {
    const done = await new FakeNode().failover({ acceptDataLoss: false });
    const risk = { some: false, fromLsn: 10, toLsn: 9, message: 'only one is in doubt' };
    const missing = [{ nodeId: 'n2', message: 'no answer', atLeast: { epoch: 3, lsn: 7 } }];
    const server = await fake({ json: { ...done, risk, missing } });

    const { io } = await run('failover', '--url', server.url);

    expect(io.stdout).toContain('missing   n2  had at least 3.7 (no answer)\n');
    expect(io.stdout).toContain(
      'at risk   nothing that was acknowledged at quorum: only one is in doubt\n',
    );
  });
});

describe('rejoin', () => {
  test('says whom it follows, and that nothing was cut', async () => {
    const url = await nodeAt();

    const { code, io } = await run('rejoin', '--url', url);

    expect(code, io.stderr).toBe(0);
    expect(io.stdout).toBe(
      `follows n2 in epoch 4, history ${'b'.repeat(32)} (before: ${'a'.repeat(32)})\nnothing was cut\n`,
    );
  });

  test('--discard says how much was saved and cut, and under which names', async () => {
    const url = await nodeAt();

    const { io } = await run('rejoin', '--discard', '--url', url);

    expect(io.stdout).toContain(
      '2 records, LSN 8 to 9, were saved and cut\n  saved/00000000000000000008-1.wal\n',
    );
  });

  test.for([
    [[], { discard: false, timeoutMs: 1_000 }],
    [['--discard'], { discard: true, timeoutMs: 1_000 }],
    [['--discard', '--from', 'n2:7402'], { discard: true, timeoutMs: 1_000, from: 'n2:7402' }],
  ] as const)('%s asks for exactly that', async ([args, body]) => {
    const server = await fake({ status: 409, json: refusal('REJOIN_REFUSED') });

    const { code, io } = await run('rejoin', ...args, '--timeout-ms', '1000', '--url', server.url);

    expect(JSON.parse(String(server.seen[0]?.body))).toEqual(body);
    expect(code).toBe(1);
    expect(io.stderr).toContain('walship: REJOIN_REFUSED');
  });
});

test.for([['failover'], ['rejoin']] as const)(
  '%s acts on the first address, and on no other where that one does not answer',
  async ([name]) => {
    const gone = await FakeServer.start(() => ({}));
    await gone.close();
    const other = await fake({ json: {} });

    const { code, io } = await run(name, '--url', `${gone.url},${other.url}`);

    expect(code).toBe(1);
    expect(io.stderr).toContain('PEER_UNREACHABLE');
    expect(other.seen).toEqual([]);
  },
);
