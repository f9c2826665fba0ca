/**
 * Goal: whatever a client sends or fails to read, the node stays bounded and serves the others.
 * Method: one session on a link of the test's own, which shows what was sent and takes bytes only when told.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../src/errors.ts';
import type { Link, LinkHandlers } from '../../src/ports/link.ts';
import { Turns } from '../../src/ports/turns.ts';
import { decodeAnswer, encodeAnswer } from '../../src/protocol/client-answers.ts';
import type { ClientAnswer, ClientRequest } from '../../src/protocol/client-messages.ts';
import { encodeRequest } from '../../src/protocol/client-requests.ts';
import { LENGTH_BYTES, MessageSplitter, TAKEN_BYTES } from '../../src/protocol/message-splitter.ts';
import { ByteBudget } from '../../src/server/byte-budget.ts';
import { ClientSession } from '../../src/server/client-session.ts';
import {
  BODIES_BYTES_MAX,
  CLIENT_CHUNK_MESSAGES_MAX,
  CLIENT_REQUESTS_MAX,
  CLIENT_REQUEST_BYTES_MAX,
  CLIENT_UNSENT_BYTES_HIGH,
  REQUEST_MS_MAX,
  SEND_STALL_MS_MAX,
  WATCHERS_MAX,
} from '../../src/server/limits.ts';
import { simulate } from '../../src/sim/sim-world.ts';
import type { SimWorld } from '../../src/sim/sim-world.ts';
import { FakeNode } from './fake-node.ts';

const MiB = 1024 * 1024;

/** The server's end of a link, with a reader that takes what it is told to. */
class TestLink implements Link {
  readonly peer = 'test';
  readonly answers: { readonly id: number; readonly answer: ClientAnswer }[] = [];
  closedFor: string | undefined;
  /** Takes everything at once. */
  greedy = true;
  bufferedBytes = 0;
  #handlers: LinkHandlers | undefined;
  readonly #sent: { readonly bytes: number; readonly sent: (() => void) | undefined }[] = [];
  readonly #splitter = new MessageSplitter(64 * MiB, {
    admit: () => true,
    take: () => true,
    onMessage: (body) => {
      const decoded = decodeAnswer(Buffer.from(body));
      if (decoded.kind === 'invalid') throw new Error(decoded.reason);
      this.answers.push({ id: decoded.id, answer: decoded.answer });
    },
    onRefused: () => undefined,
  });

  send(message: Buffer, sent?: () => void): void {
    this.#splitter.push(message);
    this.bufferedBytes += message.length;
    this.#sent.push({ bytes: message.length, sent });
    if (this.greedy) queueMicrotask(() => this.take());
  }

  /** The network takes all there is. */
  take(): void {
    for (const { bytes, sent } of this.#sent.splice(0)) {
      this.bufferedBytes -= bytes;
      sent?.();
    }
  }

  receive(handlers: LinkHandlers): void {
    this.#handlers = handlers;
  }

  close(reason: string): void {
    this.closedFor ??= reason;
  }

  /** The client sends bytes; they are overwritten once the session has seen them. */
  push(bytes: Buffer): void {
    const copy = Buffer.from(bytes);
    this.#handlers?.onMessage(copy);
    copy.fill(0xdd);
  }

  hangUp(): void {
    this.#handlers?.onClose('gone');
  }

  ask(id: number, request: ClientRequest): void {
    this.push(encodeRequest(id, request));
  }

  answerTo(id: number): ClientAnswer | undefined {
    return this.answers.find((item) => item.id === id)?.answer;
  }

  countOf(kind: ClientAnswer['kind']): number {
    return this.answers.filter(({ answer }) => answer.kind === kind).length;
  }
}

interface Setting {
  readonly world: SimWorld;
  readonly node: FakeNode;
  readonly link: TestLink;
  readonly bodies: ByteBudget;
  readonly shared: { readonly bodies: ByteBudget; watchers: number };
  readonly session: ClientSession;
  readonly bugs: unknown[];
  /** Writes that were counted as failed. */
  readonly failed: string[];
}

async function withSession(main: (setting: Setting) => Promise<void>, greet = true): Promise<void> {
  await simulate(1, async (world) => {
    const node = new FakeNode();
    const link = new TestLink();
    const bodies = new ByteBudget(BODIES_BYTES_MAX);
    const delay = { read: () => ({ p99Ms: 0, maxMs: 0 }) };
    const failed: string[] = [];
    const answers = {
      wrote: () => undefined,
      failed: (outcome: string, code: string) => failed.push(`${outcome} ${code}`),
    };
    const clock = world.process();
    const shared = { bodies, delay, answers, watchers: 0, turns: new Turns(clock) };
    const bugs: unknown[] = [];
    const session = new ClientSession({
      link,
      node,
      clock,
      shared,
      onInternal: (error) => bugs.push(error),
      onClose: () => undefined,
    });
    if (greet) link.ask(1, { kind: 'hello', protocol: 1 });
    await main({ world, node, link, bodies, shared, session, bugs, failed });
    session.close('the test is over');
    await world.pass(1);
  });
}

const put = (value: Buffer = Buffer.from('v'), timeoutMs = 1_000): ClientRequest => ({
  kind: 'write',
  ack: 'quorum',
  timeoutMs,
  conditions: [],
  ops: [{ op: 'put', key: Buffer.from('k'), value }],
});
const putMany: ClientRequest = {
  kind: 'write',
  ack: 'quorum',
  timeoutMs: 1_000,
  conditions: [],
  ops: Array.from({ length: 5_000 }, (_, index) => ({
    op: 'put' as const,
    key: Buffer.from(`k${index}`),
    value: Buffer.from('v'),
  })),
};
const get: ClientRequest = {
  kind: 'read',
  level: 'local',
  timeoutMs: 1_000,
  key: Buffer.from('k'),
};

describe('what is no protocol', () => {
  test.for([
    ['a request before the hello', [encodeRequest(1, get)]],
    [
      'a second hello',
      [
        encodeRequest(1, { kind: 'hello', protocol: 1 }),
        encodeRequest(2, { kind: 'hello', protocol: 1 }),
      ],
    ],
    ['a length of 4 GiB', [Buffer.from('ffffffff', 'hex')]],
    ['a length of 0', [Buffer.alloc(4)]],
    [
      'an unknown op',
      [
        encodeRequest(1, { kind: 'hello', protocol: 1 }),
        Buffer.from('00000005000000 02ff'.replaceAll(' ', ''), 'hex'),
      ],
    ],
  ] as const)('closes the link: %s', ([, messages]) =>
    withSession(async ({ link, bodies }) => {
      for (const message of messages) link.push(message);

      expect(link.closedFor).toMatch(/^PROTOCOL_ERROR: /);
      expect(bodies.bytes).toBe(0);
    }, false),
  );

  test('is taken in any amount, in any pieces, without harm', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 64 })),
        fc.boolean(),
        (chunks, greeted) =>
          withSession(async ({ link, bodies, world, bugs }) => {
            for (const chunk of chunks) link.push(Buffer.from(chunk));
            await world.pass(1);
            link.hangUp();
            await world.pass(2_000);
            expect({ bytes: bodies.bytes, bugs }).toEqual({ bytes: 0, bugs: [] });
          }, greeted),
      ),
      { numRuns: 200 },
    );
  });

  test('a link without a hello is closed, and so is one without any byte', () =>
    withSession(async ({ link, world }) => {
      await world.pass(5_000);
      expect(link.closedFor).toBe('PROTOCOL_ERROR: no hello in time');
    }, false).then(() =>
      withSession(async ({ link, world }) => {
        await world.pass(62_000);
        expect(link.closedFor).toMatch('no byte in');
      }),
    ));
});

describe('requests', () => {
  test('the hello says who this is, and its own version to a client of another', () =>
    withSession(async ({ link, world }) => {
      link.ask(1, { kind: 'hello', protocol: 99 });
      await world.pass(1);

      expect(link.answerTo(1)).toMatchObject({
        kind: 'hello',
        protocol: 1,
        nodeId: 'n1',
        requestsMax: CLIENT_REQUESTS_MAX,
        ready: true,
      });
    }, false));

  test('the hello says where this node is not ready', () =>
    withSession(async ({ link, node, world }) => {
      node.view = { notReady: { code: 'CATCHING_UP', message: 'applied up to LSN 0' } };
      link.ask(1, { kind: 'hello', protocol: 1 });
      await world.pass(1);
      expect(link.answerTo(1)).toMatchObject({ kind: 'hello', ready: false });
    }, false));

  test('too many at once are refused, and nothing else is', () =>
    withSession(async ({ link, node, world }) => {
      let open = (): void => undefined;
      node.gate = new Promise((resolve) => (open = resolve));
      for (let id = 2; id < CLIENT_REQUESTS_MAX + 12; id += 1) link.ask(id, put());
      await world.pass(1);
      const refused = link.countOf('error');
      open();
      await world.pass(1);

      expect(refused).toBe(10);
      expect(link.answerTo(CLIENT_REQUESTS_MAX + 2)).toMatchObject({
        code: 'BUSY',
        outcome: 'rejected',
      });
      expect(link.countOf('written')).toBe(CLIENT_REQUESTS_MAX);
    }));

  test('too many bytes at once are refused by id, and room comes back', () =>
    withSession(async ({ link, node, bodies, world }) => {
      let open = (): void => undefined;
      node.gate = new Promise((resolve) => (open = resolve));
      const value = Buffer.alloc(15 * MiB);
      for (let id = 2; id < 7; id += 1) link.ask(id, put(value));
      await world.pass(1);

      expect(link.answerTo(6)).toMatchObject({ code: 'BUSY', outcome: 'rejected' });
      expect(bodies.bytes).toBeLessThanOrEqual(CLIENT_REQUEST_BYTES_MAX);
      open();
      await world.pass(1);
      link.ask(7, put(value));
      await world.pass(1);

      expect(link.countOf('written')).toBe(5);
      expect(bodies.bytes).toBe(0);
    }));

  test('that are only announced take nothing from others', () =>
    withSession(async ({ link, bodies, world }) => {
      const announced = Buffer.from([2, 0, 0, 0, 7]);
      link.push(announced);
      await world.pass(1);

      expect(bodies.bytes).toBe(TAKEN_BYTES);
      link.push(Buffer.alloc(TAKEN_BYTES));
      expect(bodies.bytes).toBe(2 * TAKEN_BYTES);
    }));

  test('that come too slowly close their link, and give back what they took', () =>
    withSession(async ({ link, bodies, world }) => {
      link.push(Buffer.from([2, 0, 0, 0]));
      // A byte now and then: the link is never silent.
      for (let ms = 0; ms < REQUEST_MS_MAX; ms += 20_000) {
        expect(link.closedFor).toBeUndefined();
        link.push(Buffer.from([7]));
        await world.pass(20_000);
      }
      await world.pass(1_000);

      expect(link.closedFor).toContain('too long to arrive');
      expect(bodies.bytes).toBe(0);
    }));

  test('that find no room are refused by id once the rest of them has come, and hold nothing meanwhile', () =>
    withSession(async ({ link, bodies, world }) => {
      const request = encodeRequest(7, put(Buffer.alloc(MiB)));
      const others = BODIES_BYTES_MAX - 3 * TAKEN_BYTES;
      bodies.take(others);
      link.push(request.subarray(0, 2 * TAKEN_BYTES));
      expect(bodies.bytes).toBe(others + 2 * TAKEN_BYTES);
      link.push(request.subarray(2 * TAKEN_BYTES, request.length - 1));
      expect(bodies.bytes).toBe(others);
      link.push(request.subarray(request.length - 1));
      await world.pass(1);

      expect(link.answerTo(7)).toMatchObject({ code: 'BUSY', outcome: 'rejected' });
    }));

  test('a write of many items reaches the node whole', () =>
    withSession(async ({ world, link, node }) => {
      link.ask(2, putMany);
      await world.pass(1);

      expect(link.answerTo(2)?.kind).toBe('written');
      expect(node.writes).toEqual([putMany]);
    }));

  test('a write of many items whose end is wrong closes the link, and is written nowhere', () =>
    withSession(async ({ world, link, node, bodies, failed }) => {
      const message = encodeRequest(2, putMany);
      const longer = Buffer.concat([message, Buffer.from('x')]);
      longer.writeUInt32BE(message.length - LENGTH_BYTES + 1, 0);
      link.push(longer);
      await world.pass(1);

      expect(link.closedFor).toBe('PROTOCOL_ERROR: 1 bytes behind the message');
      expect(node.writes).toEqual([]);
      expect(bodies.bytes).toBe(0);
      expect(failed).toEqual(['rejected PROTOCOL_ERROR']);
    }));

  test('that come by the thousand in one frame close their link', () =>
    withSession(async ({ link, world }) => {
      const ping = encodeRequest(2, { kind: 'ping' });
      link.push(Buffer.concat(Array.from({ length: CLIENT_CHUNK_MESSAGES_MAX + 1 }, () => ping)));
      await world.pass(1);

      expect(link.closedFor).toContain('too many requests at once');
    }));

  test('a write that fails without an outcome is indeterminate, a read has none', () =>
    withSession(async ({ link, node, world, bugs, failed }) => {
      node.failures.push(new Error('a bug'), new WalshipError('WAIT_TIMEOUT', 'late'));
      link.ask(2, put());
      await world.pass(1);
      link.ask(3, get);
      await world.pass(1);

      expect(link.answerTo(2)).toMatchObject({ code: 'INTERNAL', outcome: 'indeterminate' });
      expect(link.answerTo(3)).toMatchObject({ code: 'WAIT_TIMEOUT', outcome: undefined });
      expect(bugs).toHaveLength(1);
      expect(failed).toEqual(['indeterminate INTERNAL']);
    }));

  test('those in flight are answered before the node closes; new ones are refused', () =>
    withSession(async ({ link, node, session, world }) => {
      let open = (): void => undefined;
      node.gate = new Promise((resolve) => (open = resolve));
      link.ask(2, put());
      link.ask(3, { kind: 'watch', creditBytes: 1_000 });
      await world.pass(1);
      const drained = session.drain();
      link.ask(4, put());
      open();
      await drained;
      await world.pass(1);

      expect(link.answerTo(2)?.kind).toBe('written');
      expect(link.answers.findLast(({ id }) => id === 3)?.answer).toMatchObject({
        code: 'NODE_CLOSED',
      });
      expect(link.answerTo(4)).toMatchObject({ code: 'NODE_CLOSED', outcome: 'rejected' });
    }));
});

describe('a client that does not read', () => {
  test('is not served on until it does, and then gets everything', () =>
    withSession(async ({ link, node, world }) => {
      link.ask(2, put(Buffer.alloc(MiB)));
      await world.pass(1);
      link.greedy = false;
      for (let id = 3; id < 103; id += 1) link.ask(id, get);
      await world.pass(10);

      const served = node.reads.length;
      expect(served).toBeLessThanOrEqual(CLIENT_UNSENT_BYTES_HIGH / MiB + 100);
      for (let turn = 0; turn < 200; turn += 1) {
        link.take();
        await world.pass(1);
      }

      expect(link.countOf('found') + link.countOf('error')).toBe(100);
    }));

  test('is disconnected after a while', () =>
    withSession(async ({ link, world }) => {
      link.greedy = false;
      link.ask(2, get);
      await world.pass(SEND_STALL_MS_MAX - 2_000);
      expect(link.closedFor).toBeUndefined();
      link.ask(3, { kind: 'ping' });
      await world.pass(5_000);

      expect(link.closedFor).toBe('BUSY: the client does not read its answers');
    }));
});

describe('watches', () => {
  test('send no more than there is credit for, and go on with more', () =>
    withSession(async ({ link, node, world }) => {
      for (let id = 2; id < 102; id += 1) link.ask(id, put(Buffer.alloc(1_000)));
      await world.pass(1);
      link.ask(200, { kind: 'watch', creditBytes: 10_000, after: { epoch: 3, lsn: 0 } });
      await world.pass(1);
      const before = link.countOf('change');
      link.ask(200, { kind: 'credit', bytes: 5_000 });
      await world.pass(1);

      expect([before, link.countOf('change')]).toEqual([10, 15]);
      expect(node.eventsTaken).toBeLessThanOrEqual(16);
      link.ask(200, { kind: 'cancel' });
      await world.pass(1);
      expect(link.answers.at(-1)).toEqual({ id: 200, answer: { kind: 'ended' } });
    }));

  test('cost the length of each message without its length field: who gives back just that is shown everything', () =>
    withSession(async ({ link, world }) => {
      for (let id = 2; id < 22; id += 1) link.ask(id, put());
      await world.pass(1);
      link.ask(200, { kind: 'watch', creditBytes: 1, after: { epoch: 3, lsn: 0 } });
      for (let count = 1; count <= 20; count += 1) {
        await world.pass(1);
        expect(link.countOf('change')).toBe(count);
        const [shown] = link.answers.filter(({ answer }) => answer.kind === 'change').slice(-1);
        if (shown === undefined) throw new Error('no change was shown');
        const bytes = encodeAnswer(200, shown.answer).length - LENGTH_BYTES;
        link.ask(200, { kind: 'credit', bytes });
      }
    }));

  test('say where they are when nothing happens', () =>
    withSession(async ({ link, world }) => {
      link.ask(2, put());
      await world.pass(1);
      link.ask(3, { kind: 'watch', creditBytes: 1_000 });
      await world.pass(1);

      expect(link.answers.at(-1)).toEqual({
        id: 3,
        answer: { kind: 'progress', version: { epoch: 3, lsn: 1 } },
      });
    }));

  test('are counted, and end with the link', () =>
    withSession(async ({ link, shared, world }) => {
      shared.watchers = WATCHERS_MAX - 1;
      link.ask(2, { kind: 'watch', creditBytes: 1 });
      link.ask(3, { kind: 'watch', creditBytes: 1 });
      link.ask(2, { kind: 'watch', creditBytes: 1 });
      await world.pass(1);
      expect(link.answerTo(3)).toMatchObject({ code: 'BUSY' });
      expect(link.answers).toContainEqual({
        id: 2,
        answer: expect.objectContaining({ code: 'REQUEST_INVALID' }) as ClientAnswer,
      });
      link.hangUp();
      await world.pass(1);

      expect(shared.watchers).toBe(WATCHERS_MAX - 1);
    }));
});
