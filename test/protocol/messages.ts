import * as fc from 'fast-check';
import type { ControlMessage, Frame } from '../../src/protocol/messages.ts';

const integer = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 2 ** 32, 2 ** 53 - 1),
);
/** Epochs and LSNs, up to their bound. */
const epoch = fc.oneof(fc.nat(), fc.nat(2 ** 52), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, 2 ** 52));
const lsn = epoch;
const chain = fc.integer({ min: 0, max: 0xffff_ffff });
const id = fc.string({
  unit: fc.constantFrom(...'0123456789abcdef'.split('')),
  minLength: 32,
  maxLength: 32,
});
const digest = fc.string({
  unit: fc.constantFrom(...'0123456789abcdef'.split('')),
  minLength: 64,
  maxLength: 64,
});
const idOrNull = fc.option(id);
const nodeId = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' });
const text = fc.string({ maxLength: 30, unit: 'binary' });
const position = fc.record({ epoch, lsn, chain });
const state = fc.constantFrom('intact', 'suspect', 'blank');
const round = fc.constantFrom('dry', 'real', 'confirm');
const promise = fc.record({ epoch, candidate: fc.option(nodeId), attempt: idOrNull });
const epochs = fc
  .array(
    fc.record({
      epochs: fc.integer({ min: 1, max: 2 ** 40 }),
      leader: fc.option(nodeId),
      forgotten: fc.boolean(),
      lsns: fc.integer({ min: 1, max: 2 ** 40 }),
    }),
    { maxLength: 5 },
  )
  .map((steps) => {
    let [epoch, firstLsn] = [0, 0];
    return steps.map((step) => {
      epoch += step.epochs;
      firstLsn += step.lsns;
      if (step.forgotten) return { epoch: null, leader: null, firstLsn };
      return { epoch, leader: step.leader, firstLsn };
    });
  });
const config = fc.option(
  fc.uniqueArray(nodeId, { minLength: 1, maxLength: 5 }).chain((voters) =>
    fc.record({
      voters: fc.constant(voters),
      quorum: fc.integer({ min: 1, max: voters.length }),
    }),
  ),
);
const kind = <const K extends string>(name: K) => fc.constant(name);

/** Any message within the bounds of the protocol, of each kind alike. */
export const controlMessages: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc.record({
    kind: kind('hello'),
    protocol: fc.constant(1),
    clusterId: idOrNull,
    historyId: idOrNull,
    nodeId,
    run: id,
    epochs,
    epochsBefore: integer,
    last: position,
    commitLsn: lsn,
    lowestCutLsn: lsn,
    promise,
    state,
    configHash: id,
    discard: fc.boolean(),
  }),
  fc.record({
    kind: kind('answer'),
    verdict: fc.constantFrom('continue', 'truncate', 'snapshot', 'refuse'),
    code: text,
    message: text,
    epoch,
    leader: fc.option(nodeId),
    clusterId: idOrNull,
    historyId: idOrNull,
    at: position,
    commitLsn: lsn,
    config,
  }),
  fc.record({
    kind: kind('ack'),
    epoch,
    durableLsn: lsn,
    chain,
    receivedLsn: lsn,
    appliedLsn: lsn,
    writable: fc.boolean(),
  }),
  fc.record({ kind: kind('probe'), epoch, number: integer }),
  fc.record({ kind: kind('probed'), epoch, number: integer }),
  fc.record({ kind: kind('intact'), epoch, at: position }),
  fc.record({ kind: kind('is-intact'), epoch }),
  fc.record({ kind: kind('hand-over'), epoch, at: position }),
  fc.record({ kind: kind('declined'), epoch, code: text, message: text }),
  fc.record({ kind: kind('offer'), epoch, digest, bytes: integer, endLsn: lsn }),
  fc.record({ kind: kind('want'), epoch, digest, offset: integer }),
  fc.record({ kind: kind('got'), epoch, offset: integer }),
  fc.record({
    kind: kind('ask'),
    protocol: fc.constant(1),
    round,
    epoch,
    candidate: nodeId,
    run: id,
    attempt: id,
    position,
    clusterId: idOrNull,
    historyId: idOrNull,
    configHash: id,
    operator: fc.boolean(),
    forced: config,
  }),
  fc.record({
    kind: kind('reply'),
    round,
    attempt: id,
    nodeId,
    run: id,
    granted: fc.boolean(),
    code: text,
    message: text,
    promise,
    birth: fc.option(promise),
    position,
    state,
    claim: fc.oneof(fc.constantFrom(null, 'unknown' as const), fc.record({ epoch, lsn })),
    clusterId: idOrNull,
    historyId: idOrNull,
    leader: fc.option(nodeId),
  }),
  fc.record({
    kind: kind('fetch'),
    protocol: fc.constant(1),
    clusterId: id,
    after: position,
    pieceIndex: fc.integer({ min: 0, max: 127 }),
  }),
  fc.record({ kind: kind('identify') }),
  fc.record({
    kind: kind('identity'),
    nodeId,
    run: id,
    fence: epoch,
    last: fc.record({ epoch, lsn }),
  }),
);

export const frames: fc.Arbitrary<Frame> = fc
  .record({
    epoch,
    commitLsn: lsn,
    previous: position,
    index: fc.nat(127),
    more: fc.nat(127),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  })
  .map(({ epoch, commitLsn, previous, index, more, bytes }) => ({
    kind: 'frame',
    epoch,
    commitLsn,
    previous,
    pieceIndex: index,
    pieceCount: Math.min(128, index + more + 1),
    bytes: Buffer.from(bytes),
  }));
