import { expect, test } from 'vitest';
import { watch } from '../../../src/node/requests/watch-path.ts';
import { OP } from '../../../src/wal/format/record.ts';
import { withReplica } from '../replica-fixture.ts';

test('a watcher that is shown nothing of what it goes through lets others have their turns', () =>
  withReplica(async ({ replica, clock }) => {
    const value = Buffer.alloc(60_000);
    for (let index = 0; index < 6; index += 1) {
      replica.log.append([{ op: OP.PUT, key: Buffer.from(`other ${index}`), value }]);
      await replica.log.drained();
    }
    replica.setMatched(7);
    replica.learnCommitted(7);
    await replica.caughtUp();

    const abort = new AbortController();
    let turns = 0;
    const count = (): void => {
      turns += 1;
      if (!abort.signal.aborted) clock.soon(count);
    };
    clock.soon(count);
    const request = {
      after: { epoch: 1, lsn: 1 },
      prefix: Buffer.from('mine'),
      signal: abort.signal,
    };
    const { value: first } = await watch(replica, request).next();
    abort.abort();

    expect(first).toEqual({ kind: 'progress', version: { epoch: 1, lsn: 7 } });
    expect(turns).toBeGreaterThanOrEqual(3);
  }));
