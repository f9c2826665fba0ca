import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { serve } from '../../src/cli/serve.ts';
import type { ServeParts } from '../../src/cli/serve.ts';
import { WalshipError } from '../../src/errors.ts';
import type { NodeApi } from '../../src/node/api/api.ts';
import { Terminal } from './terminal.ts';

interface Fake {
  readonly parts: ServeParts;
  readonly order: string[];
  readonly fail: (error: Error) => void;
}

function withResolvers(): { promise: Promise<void>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((_resolve, refuse) => {
    reject = refuse;
  });
  return { promise, reject };
}

function fakeParts(
  options: { readonly startFails?: Error; readonly closeHangs?: boolean } = {},
): Fake {
  const order: string[] = [];
  const failing = withResolvers();
  failing.promise.catch(() => {});
  const node = {
    nodeId: 'n1',
    contract: ['an acknowledged write is on 1 of 1 disks', 'a lost leader can not be replaced'],
    stopped: failing.promise,
    close: async () => {
      order.push('node closed');
      await (options.closeHangs === true ? new Promise(() => {}) : undefined);
    },
  } as unknown as NodeApi;
  const parts: ServeParts = {
    openNode: async () => await Promise.resolve(node),
    startServer: async () => {
      if (options.startFails !== undefined) throw options.startFails;
      order.push('server started');
      return await Promise.resolve({
        address: { host: '127.0.0.1', port: 7499 },
        close: async () => {
          order.push('server closed');
          await Promise.resolve();
        },
      });
    },
  };
  return { parts, order, fail: failing.reject };
}

const logged: string[] = [];
const keep = (_fields: object, message: string): void => void logged.push(message);
const log = { debug: keep, info: keep, warn: keep, error: keep };
const config = loadConfig({ flags: { node: 'n1', data: '/data', shutdownMs: '10' }, env: {} });

describe('serve', () => {
  test('prints the contract and the address, and closes the server before the node', async () => {
    const { parts, order } = fakeParts();
    const io = new Terminal();
    const stop = new AbortController();

    const running = serve(config, { parts, io, log, signal: stop.signal });
    stop.abort('SIGTERM');
    await running;

    expect(io.stdout.split('\n')).toEqual([
      'an acknowledged write is on 1 of 1 disks',
      'a lost leader can not be replaced',
      'node n1 listens on http://127.0.0.1:7499',
      '',
    ]);
    expect(order).toEqual(['server started', 'server closed', 'node closed']);
  });

  test('a node that fails ends the process with its failure, everything closed', async () => {
    const { parts, order, fail } = fakeParts();
    const running = serve(config, {
      parts,
      io: new Terminal(),
      log,
      signal: new AbortController().signal,
    });

    fail(new WalshipError('DISK_FAILED', 'fsync failed'));

    await expect(running).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(order).toEqual(['server started', 'server closed', 'node closed']);
  });

  test('a server that cannot start leaves no open node', async () => {
    const { parts, order } = fakeParts({ startFails: new WalshipError('PORT_IN_USE', 'taken') });

    await expect(
      serve(config, { parts, io: new Terminal(), log, signal: new AbortController().signal }),
    ).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect(order).toEqual(['node closed']);
  });

  test('a node that does not close is left after the time for it', async () => {
    const { parts } = fakeParts({ closeHangs: true });

    await serve(config, { parts, io: new Terminal(), log, signal: AbortSignal.abort('SIGINT') });

    expect(logged.at(-1)).toContain('not closed in time');
  });
});
