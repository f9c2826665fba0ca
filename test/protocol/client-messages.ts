/** Arbitrary messages between clients and nodes. */
import * as fc from 'fast-check';
import type { ClientAnswer, ClientRequest } from '../../src/protocol/client-messages.ts';

const lsn = fc.maxSafeNat();
const version = fc.record({ epoch: lsn, lsn });
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const timeoutMs = fc.integer({ min: 0, max: 600_000 });
const name = fc.string({ maxLength: 20 });
const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })).map(
  // What JSON changes (minus zero, say) is not what is tested here.
  (value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>,
);
const optional = <T>(field: string, values: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.oneof(
    fc.constant({}),
    values.map((value) => ({ [field]: value })),
  );
const operation = fc.oneof(
  fc.record({ op: fc.constant('put' as const), key: bytes, value: bytes }),
  fc.record({
    op: fc.constant('delete' as const),
    key: bytes,
    value: fc.constant(Buffer.alloc(0)),
  }),
);

export const requests: fc.Arbitrary<ClientRequest> = fc.oneof(
  fc.record({ kind: fc.constant('hello' as const), protocol: fc.nat(0xffff) }),
  fc.record({
    kind: fc.constant('write' as const),
    ack: fc.constantFrom('quorum' as const, 'local' as const, 'all' as const),
    timeoutMs,
    conditions: fc.array(
      fc.record({ key: bytes, expect: fc.oneof(version, fc.constantFrom('present', 'absent')) }),
      { maxLength: 4 },
    ),
    ops: fc.array(operation, { maxLength: 4 }),
  }) as fc.Arbitrary<ClientRequest>,
  fc
    .tuple(
      fc.record({
        kind: fc.constant('read' as const),
        level: fc.constantFrom('local' as const, 'linearizable' as const),
        timeoutMs,
        key: bytes,
      }),
      optional('minVersion', version),
    )
    .map(([read, rest]) => ({ ...read, ...rest })),
  fc
    .tuple(
      fc.record({
        kind: fc.constant('scan' as const),
        timeoutMs,
        limit: fc.integer({ min: 1, max: 1_000 }),
      }),
      optional('prefix', bytes),
      optional('after', bytes),
      optional('minVersion', version),
    )
    .map(([scan, prefix, after, min]) => ({ ...scan, ...prefix, ...after, ...min })),
  fc
    .tuple(
      fc.record({ kind: fc.constant('watch' as const), creditBytes: fc.nat() }),
      optional('after', version),
      optional('prefix', bytes),
    )
    .map(([watch, after, prefix]) => ({ ...watch, ...after, ...prefix })),
  fc.record({ kind: fc.constant('credit' as const), bytes: fc.nat() }),
  fc.record({
    kind: fc.constant('wait' as const),
    level: fc.constantFrom('durable' as const, 'committed' as const, 'applied' as const),
    timeoutMs,
    version,
  }),
  fc.constantFrom(
    { kind: 'cancel' as const },
    { kind: 'status' as const },
    { kind: 'ping' as const },
  ),
);

export const answers: fc.Arbitrary<ClientAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    protocol: fc.nat(0xffff),
    requestsMax: fc.nat(),
    requestBytesMax: fc.nat(),
    nodeId: name,
    clusterId: fc.option(fc.constant('0123456789abcdef0123456789abcdef')),
    leader: fc.option(fc.record({ nodeId: name, address: fc.constant('127.0.0.1:7401') })),
    ready: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('written' as const),
    version,
    durableOn: fc.array(name, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('found' as const), version, applied: version, value: bytes }),
  fc.record({ kind: fc.constant('absent' as const), applied: version }),
  fc.record({
    kind: fc.constant('page' as const),
    applied: version,
    more: fc.boolean(),
    entries: fc.array(fc.record({ key: bytes, value: bytes, version }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('change' as const),
    op: fc.constantFrom('put' as const, 'delete' as const),
    last: fc.boolean(),
    version,
    key: bytes,
    value: bytes,
  }),
  fc.record({ kind: fc.constant('progress' as const), version }),
  fc.record({ kind: fc.constant('reached' as const), version }),
  fc.constantFrom({ kind: 'ended' as const }, { kind: 'pong' as const }),
  fc.record({ kind: fc.constant('status' as const), status: json }),
  fc.record({
    kind: fc.constant('error' as const),
    code: fc.constantFrom('BUSY', 'NO_LEADER'),
    message: name,
    outcome: fc.constantFrom(undefined, 'rejected' as const, 'indeterminate' as const),
    details: json,
  }),
);
