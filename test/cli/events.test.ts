import { afterEach, expect, test } from 'vitest';
import { events } from '../../src/cli/events.ts';
import { FakeServer } from './fake-server.ts';
import { Terminal } from './terminal.ts';

const servers: FakeServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => await server.close()));
});

test('events prints a line for each, and asks only for what is new', async () => {
  const shared = { seq: 7, timeMs: 1_700_000_000_000, level: 'warn', details: {} };
  const found = [
    { ...shared, code: 'TRUNCATED', message: 'cut to LSN 4', times: 1 },
    { ...shared, seq: 8, code: 'NO_QUORUM', message: 'too few', times: 3 },
  ];
  const server = await FakeServer.start(() => ({ json: { events: found, oldest: 1, next: 8 } }));
  servers.push(server);
  const io = new Terminal();

  await events({ url: [server.url], json: false, timeoutMs: 5_000, after: 6 }, io);

  expect(server.seen[0]).toMatchObject({ path: '/v1/events', query: { after: '6' } });
  expect(io.stdout).toBe(
    '7  2023-11-14T22:13:20.000Z  warn  TRUNCATED: cut to LSN 4\n' +
      '8  2023-11-14T22:13:20.000Z  warn  NO_QUORUM: too few (3 times)\n',
  );
});
