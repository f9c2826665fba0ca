import { describe, expect, test } from 'vitest';
import type { WriteRequest } from '../../../src/node/api/api.ts';
import {
  HELD_BYTES_MAX,
  HELD_WRITES_MAX,
  WriteHold,
} from '../../../src/node/requests/write-hold.ts';
import { SimClock, SimProcess } from '../../../src/sim/sim-clock.ts';

function write(valueBytes: number): WriteRequest {
  const put = { op: 'put' as const, key: Buffer.from('k'), value: Buffer.alloc(valueBytes) };
  return { conditions: [], ops: [put], ack: 'quorum', timeoutMs: 1_000 };
}

/** Its turns are those of the event loop. */
function newHold(): WriteHold {
  const clock = new SimProcess(new SimClock());
  clock.soon = (run) => void setImmediate(run);
  return new WriteHold(clock);
}
const busy = { code: 'BUSY', outcome: 'rejected' };

describe('held writes', () => {
  test('go on once no reason to wait is left', async () => {
    const hold = newHold();
    hold.pause('beginning');
    hold.pause('switchover');
    const order: string[] = [];
    const held = hold.wait(write(1)).then(() => order.push('on'));

    hold.resume('beginning');
    await Promise.resolve();
    order.push('still held');
    expect(hold.paused).toBe(true);
    hold.resume('switchover');
    await held;

    expect(order).toEqual(['still held', 'on']);
    expect(hold.paused).toBe(false);
  });

  test('are bounded in number and in bytes, and room comes back', async () => {
    const hold = newHold();
    hold.pause('switchover');
    const large = hold.wait(write(HELD_BYTES_MAX - 1));
    await expect(hold.wait(write(1))).rejects.toMatchObject(busy);
    hold.resume('switchover');
    await large;

    hold.pause('switchover');
    const many = Array.from({ length: HELD_WRITES_MAX }, () => hold.wait(write(1)));
    await expect(hold.wait(write(1))).rejects.toMatchObject({
      ...busy,
      message: expect.stringContaining('a switchover is in progress'),
    });
    hold.resume('switchover');
    await Promise.all(many);
  });
});
