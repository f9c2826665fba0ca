import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerAliases, decodeAnswer, encodeAnswer } from '../../src/protocol/client-answers.ts';
import { DETAILS_BYTES_MAX } from '../../src/protocol/client-messages.ts';
import { decodeRequest, encodeRequest } from '../../src/protocol/client-requests.ts';
import type { DecodedRequest } from '../../src/protocol/client-requests.ts';
import { MessageSplitter } from '../../src/protocol/message-splitter.ts';
import { answers, requests } from './client-messages.ts';

const LENGTH_BYTES = 4;
const id = fc.nat(0xffff_ffff);
const AT = { epoch: 2, lsn: 2 ** 33 };
const joined = (...hex: string[]): string => hex.join('').replaceAll(' ', '');
/** Every field of a kind at least once. */
const SAMPLES = fc.sample(requests, { numRuns: 60, seed: 7 });
const ANSWERS = fc.sample(answers, { numRuns: 60, seed: 7 });

describe('requests and answers', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(id, requests, answers, (id, request, answer) => {
        const out = encodeRequest(id, request);
        expect(out.readUInt32BE(0)).toBe(out.length - LENGTH_BYTES);
        expect(decodeRequest(out.subarray(LENGTH_BYTES))).toEqual({ kind: 'request', id, request });
        const back = encodeAnswer(id, answer);
        expect(back.readUInt32BE(0)).toBe(back.length - LENGTH_BYTES);
        expect(decodeAnswer(back.subarray(LENGTH_BYTES))).toEqual({ kind: 'answer', id, answer });
      }),
      { numRuns: 1_000 },
    );
  });

  test('an answer that refers to no bytes outlives them', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const bytes = encodeAnswer(1, answer).subarray(LENGTH_BYTES);
        fc.pre(!answerAliases(bytes));
        const decoded = decodeAnswer(bytes);
        bytes.fill(0xff);
        expect(decoded).toEqual({ kind: 'answer', id: 1, answer });
      }),
    );
  });

  test('have the bytes that docs/protocol.md spells', () => {
    const put = encodeRequest(7, {
      kind: 'write',
      ack: 'quorum',
      timeoutMs: 5_000,
      conditions: [{ key: Buffer.from('k'), expect: AT }],
      ops: [{ op: 'put', key: Buffer.from('k'), value: Buffer.from('hi') }],
    });
    const written = encodeAnswer(7, { kind: 'written', version: AT, durableOn: ['n1', 'n2'] });

    expect(put.toString('hex')).toBe(
      joined(
        '00000030', // length
        '00000007 02 00 00001388', // id, write, quorum, 5 s
        '00000001 02 0001 6b 0000000000000002 0000000200000000', // k is at 2.8589934592
        '00000001 00 0001 6b 00000002 6869', // put k hi
      ),
    );
    expect(written.toString('hex')).toBe(
      joined('0000001e 00000007 02 0000000000000002 0000000200000000 02 0002 6e31 0002 6e32'),
    );
  });

  test('a hello of any version is read as far as the version', () => {
    const hello = Buffer.concat([
      encodeRequest(1, { kind: 'hello', protocol: 9 }).subarray(LENGTH_BYTES),
      Buffer.from('and more'),
    ]);

    expect(decodeRequest(hello)).toEqual({
      kind: 'request',
      id: 1,
      request: { kind: 'hello', protocol: 9 },
    });
  });

  test('details that are too large are left out of an error', () => {
    const details = { text: 'x'.repeat(DETAILS_BYTES_MAX) };
    const answer = {
      kind: 'error',
      code: 'BUSY',
      message: 'm',
      outcome: undefined,
      details,
    } as const;

    const decoded = decodeAnswer(encodeAnswer(1, answer).subarray(LENGTH_BYTES));

    expect(decoded).toEqual({ kind: 'answer', id: 1, answer: { ...answer, details: {} } });
  });
});

describe('a write of many items', () => {
  const count = 5_000;
  const key = Buffer.from('k');
  const request = {
    kind: 'write' as const,
    ack: 'quorum' as const,
    timeoutMs: 1_000,
    conditions: Array.from({ length: count }, () => ({ key, expect: 'absent' as const })),
    ops: Array.from({ length: count }, () => ({ op: 'put' as const, key, value: key })),
  };
  const body = encodeRequest(3, request).subarray(LENGTH_BYTES);

  test.for([
    ['conditions', { ...request, ops: [] }],
    ['operations', { ...request, conditions: [] }],
  ] as const)('is decoded in steps: %s', ([, many]) => {
    const { result, steps } = finish(encodeRequest(3, many).subarray(LENGTH_BYTES));
    expect(steps).toBeGreaterThanOrEqual(count / 1_000);
    expect(result).toEqual({ kind: 'request', id: 3, request: many });
  });

  test('that is cut anywhere is invalid', () => {
    for (const end of [body.length / 4, body.length / 2, body.length - 1].map(Math.floor)) {
      expect(finish(body.subarray(0, end)).result.kind).toBe('invalid');
    }
    expect(finish(Buffer.concat([body, key])).result.kind).toBe('invalid');
  });

  function finish(bytes: Buffer): { result: DecodedRequest; steps: number } {
    const decoded = decodeRequest(bytes);
    if (decoded.kind !== 'unfinished') return { result: decoded, steps: 0 };
    for (let steps = 1; ; steps += 1) {
      const step = decoded.rest.next();
      if (step.done === true) return { result: step.value, steps };
    }
  }
});

describe('bytes that are no message', () => {
  test.for([
    ['requests', decodeRequest, SAMPLES.map((request) => encodeRequest(3, request))],
    ['answers', decodeAnswer, ANSWERS.map((answer) => encodeAnswer(3, answer))],
  ] as const)('every truncation of %s is invalid, and none throws', ([, decode, encoded]) => {
    for (const whole of encoded) {
      const body = whole.subarray(LENGTH_BYTES);
      for (let end = 0; end < body.length; end += 1) {
        expect(decode(body.subarray(0, end)).kind).toBe('invalid');
      }
    }
  });

  test.for([
    ['requests', decodeRequest, SAMPLES.map((request) => encodeRequest(3, request))],
    ['answers', decodeAnswer, ANSWERS.map((answer) => encodeAnswer(3, answer))],
  ] as const)(
    'no flipped bit of %s makes them throw',
    { tags: ['slow'] },
    ([, decode, encoded]) => {
      for (const whole of encoded) {
        const body = whole.subarray(LENGTH_BYTES);
        for (let bit = 0; bit < 8 * body.length; bit += 1) {
          const flipped = Buffer.from(body);
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(() => decode(flipped)).not.toThrow();
        }
      }
    },
  );

  test.for([
    ['an unknown op', '00000001ff'],
    ['a count that the message cannot hold', '0000000102 00 00000000 000f0000 00000000'],
    ['an unknown level', '00000001 03 02 00000000 000161 00'],
    ['an LSN of 2^53', '00000001 08 00 00000000 0000000000000001 0020000000000000'],
    ['a limit of 0', '00000001 04 00000000 00000000 000000'],
    ['ten minutes and a bit', '00000001 08 00 000927c1 00000000000000000000000000000000'],
    ['a byte too much', '00000001 09 00'],
  ])('%s is refused', ([, hex]) => {
    expect(decodeRequest(Buffer.from(joined(hex ?? ''), 'hex')).kind).toBe('invalid');
  });
});

describe('a stream of messages', () => {
  function splitter(bytesMax = 1_000, room: (bytes: number) => boolean = () => true) {
    const messages: string[] = [];
    const refused: string[] = [];
    const reader = new MessageSplitter(bytesMax, {
      admit: room,
      take: () => true,
      onMessage: (body) => messages.push(body.toString('latin1')),
      onRefused: (head) => refused.push(head.toString('latin1')),
    });
    return { reader, messages, refused };
  }
  const framed = (text: string): Buffer => {
    const bytes = Buffer.alloc(LENGTH_BYTES + text.length);
    bytes.writeUInt32BE(text.length, 0);
    bytes.write(text, LENGTH_BYTES, 'latin1');
    return bytes;
  };

  test('is the same wherever it is cut, and keeps nothing of the chunks', () => {
    const texts = fc.array(fc.string({ minLength: 1, maxLength: 30, unit: 'binary-ascii' }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(
        texts,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (sent, cuts) => {
          const { reader, messages } = splitter();
          const stream = Buffer.concat(sent.map(framed));
          let offset = 0;
          for (let turn = 0; offset < stream.length; turn += 1) {
            const end = offset + (cuts[turn % cuts.length] ?? 1);
            const chunk = Buffer.from(stream.subarray(offset, end));
            expect(reader.push(chunk)).toBeUndefined();
            chunk.fill(0xdd);
            offset = end;
          }
          expect(messages).toEqual(sent);
        },
      ),
    );
  });

  test.for([0, 1_001, 0xffff_ffff])('a length of %i ends it', (length) => {
    const { reader, messages } = splitter();
    const bytes = Buffer.alloc(LENGTH_BYTES);
    bytes.writeUInt32BE(length, 0);

    expect(reader.push(bytes)).toMatch(`a message of ${length} bytes`);
    expect(messages).toEqual([]);
  });

  test('throws away what is not admitted, except its head, and goes on behind it', () => {
    const { reader, messages, refused } = splitter(1_000, (bytes) => bytes < 10);
    const stream = Buffer.concat([framed('one'), framed('0123456789'), framed('two')]);

    reader.push(stream.subarray(0, 13));
    reader.push(stream.subarray(13));

    expect({ messages, refused }).toEqual({ messages: ['one', 'two'], refused: ['01234'] });
  });
});
