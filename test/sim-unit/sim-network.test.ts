import { describe, expect, test } from 'vitest';
import type { Link } from '../../src/ports/link.ts';
import type { SimProcess } from '../../src/sim/sim-clock.ts';
import { SimNetwork } from '../../src/sim/sim-network.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';

interface End {
  readonly process: SimProcess;
  readonly link: Link;
  readonly received: string[];
  readonly closed: string[];
}

interface Stage {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly a: End;
  readonly b: End;
}

function end(process: SimProcess, link: Link): End {
  const [received, closed]: [string[], string[]] = [[], []];
  link.receive({
    onMessage: (message) => received.push(message.toString()),
    onClose: (reason) => closed.push(reason),
  });
  return { process, link, received, closed };
}

/** A link from machine a to machine b. */
function connected(main: (stage: Stage) => Promise<void>): Promise<void> {
  return simulate(5, async (world) => {
    const network = new SimNetwork(world.clock, { seed: 5 });
    const [pa, pb] = [world.process(), world.process()];
    const accepted = new Promise<Link>((resolve) => {
      network.listen('b', pb, resolve);
    });
    const link = await network.dialer('a', pa).dial('b');
    await main({ world, network, a: end(pa, link), b: end(pb, await accepted) });
  });
}

describe('a simulated link', () => {
  test('delivers copies whole, in order, both ways', async () => {
    await connected(async ({ world, a, b }) => {
      const texts = Array.from({ length: 50 }, (_, index) => `message ${index}`);
      for (const text of texts) a.link.send(Buffer.from(text));
      b.link.send(Buffer.from('back'));
      await world.pass(100);

      expect(b.received).toEqual(texts);
      expect(a.received).toEqual(['back']);
    });
  });

  test('may damage what it carries, and leaves the buffer of its sender alone', async () => {
    await connected(async ({ world, network, a, b }) => {
      network.damage = (message) => message.fill('x', 0, 1);
      const mine = Buffer.from('mine');
      a.link.send(mine);
      await world.pass(100);

      expect(b.received).toEqual(['xine']);
      expect(mine.toString()).toBe('mine');
    });
  });

  test('overwrites a message when its handler has returned', async () => {
    await connected(async ({ world, a, b }) => {
      let kept: Buffer = Buffer.alloc(0);
      b.link.receive({
        onMessage: (message) => {
          kept = message;
        },
        onClose: () => undefined,
      });
      a.link.send(Buffer.from('mine'));
      await world.pass(100);

      expect(kept).toEqual(Buffer.alloc(4, 0xdd));
    });
  });

  test('counts what the network has not taken, and says when it has', async () => {
    await connected(async ({ world, network, a, b }) => {
      network.cut('a', 'b');
      let sent = 0;
      for (let n = 0; n < 10; n += 1) a.link.send(Buffer.alloc(100_000), () => (sent += 1));
      expect(a.link.bufferedBytes).toBe(1_000_000);
      await world.pass(1000);
      expect(sent).toBe(3);
      expect(a.link.bufferedBytes).toBe(700_000);

      network.heal();
      await world.pass(1000);
      expect([sent, a.link.bufferedBytes, b.received.length]).toEqual([10, 0, 10]);
    });
  });

  test('holds one direction back while it is cut, and delivers after it is healed', async () => {
    await connected(async ({ world, network, a, b }) => {
      network.cut('a', 'b');
      a.link.send(Buffer.from('held'));
      b.link.send(Buffer.from('through'));
      await world.pass(10_000);
      expect([a.received, b.received]).toEqual([['through'], []]);

      network.heal();
      await world.pass(10);
      expect(b.received).toEqual(['held']);
    });
  });

  test('tells both ends once when it is closed or broken', async () => {
    await connected(async ({ world, a, b }) => {
      a.link.send(Buffer.from('last'));
      await world.pass(100);
      a.link.close('done');
      a.link.close('again');
      b.link.send(Buffer.from('too late'));
      await world.pass(100);

      expect([a.closed, b.closed, b.received]).toEqual([['done'], ['done'], ['last']]);
    });
    await connected(async ({ world, network, a, b }) => {
      network.breakLinks('b', 'a');
      await world.pass(100);

      expect([a.closed.length, b.closed.length, network.openLinks]).toEqual([1, 1, 0]);
    });
  });

  test('closes when a peer is killed, and is silent until a machine without power is back', async () => {
    await connected(async ({ world, network, a, b }) => {
      b.process.kill();
      network.died('b', 'kill');
      await world.pass(100);
      expect(a.closed).toEqual(['connection closed by a dead process']);
    });
    await connected(async ({ world, network, a, b }) => {
      b.process.kill();
      network.died('b', 'power');
      await world.pass(60_000);
      expect(a.closed).toEqual([]);
      await expect(network.dialer('a', a.process).dial('b')).rejects.toThrow('no answer');

      network.restored('b');
      await world.pass(100);
      expect(a.closed.length).toBe(1);
    });
  });

  test('cannot be dialled where nobody listens or the way is cut', async () => {
    await connected(async ({ network, a }) => {
      const dialer = network.dialer('a', a.process);
      await expect(dialer.dial('c')).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
      network.cut('b', 'a');
      await expect(dialer.dial('b')).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    });
  });
});
