/** `POST /v1/admin/failover` and `/v1/admin/rejoin`, over a fake node: what reaches the node, what its answer becomes, and what never reaches it. */
import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../src/errors.ts';
import type { FailoverRequest, RejoinRequest } from '../../src/node/api/api.ts';
import { TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX } from '../../src/server/limits.ts';
import { FakeNode } from './fake-node.ts';
import { serverOf } from './harness.ts';

/** Keeps what it was asked. */
class AskedNode extends FakeNode {
  readonly asked: (FailoverRequest | RejoinRequest)[] = [];

  override failover(request: FailoverRequest): ReturnType<FakeNode['failover']> {
    this.asked.push(request);
    return super.failover(request);
  }

  override rejoin(request: RejoinRequest): ReturnType<FakeNode['rejoin']> {
    this.asked.push(request);
    return super.rejoin(request);
  }
}

describe('a forced failover', () => {
  test.for(['', '{}', '{"acceptDataLoss":false}'])('with body "%s" only foresees', async (body) => {
    const { node, call } = await serverOf(new AskedNode());

    const { status, json } = await call('POST', '/v1/admin/failover', { body });

    expect(node).toMatchObject({ asked: [{ acceptDataLoss: false }] });
    expect(status).toBe(200);
    expect(json).toMatchObject({ done: false, historyId: null, epoch: null });
    expect(json['risk']).toEqual({
      some: true,
      fromLsn: 8,
      toLsn: 'unknown',
      message: 'two are in doubt',
    });
  });

  test('is done where data loss is accepted, with the quorum that was asked for', async () => {
    const { node, call } = await serverOf(new AskedNode());
    const body = '{"acceptDataLoss":true,"quorum":2}';

    const { json } = await call('POST', '/v1/admin/failover', { body });

    expect(node).toMatchObject({ asked: [{ acceptDataLoss: true, quorum: 2 }] });
    expect(json).toMatchObject({ done: true, quorum: 2, epoch: 1_000_007 });
  });

  test('that is refused says by which rule, and what each voter said', async () => {
    const node = new FakeNode();
    const { call } = await serverOf(node);
    node.failure = new WalshipError('FAILOVER_REFUSED', 'n2 answers and has more: ask n2', {
      details: { reason: 'VOTER_AHEAD', answers: ['n1: agrees', 'n2: agrees'] },
    });

    const { status, json } = await call('POST', '/v1/admin/failover');

    expect(status).toBe(409);
    expect(json['error']).toMatchObject({
      code: 'FAILOVER_REFUSED',
      message: 'n2 answers and has more: ask n2',
      reason: 'VOTER_AHEAD',
      answers: ['n1: agrees', 'n2: agrees'],
    });
  });
});

describe('a rejoin', () => {
  test.for([
    ['', { discard: false, timeoutMs: TIMEOUT_MS_DEFAULT }],
    ['{"discard":true,"timeoutMs":70}', { discard: true, timeoutMs: 70 }],
    ['{"timeoutMs":999999999}', { discard: false, timeoutMs: TIMEOUT_MS_MAX }],
    [
      '{"discard":true,"from":"10.0.0.2:7402"}',
      { discard: true, from: '10.0.0.2:7402', timeoutMs: TIMEOUT_MS_DEFAULT },
    ],
  ] as const)('with body "%s" asks the node for just that', async ([body, request]) => {
    const { node, call } = await serverOf(new AskedNode());

    const { status } = await call('POST', '/v1/admin/rejoin', { body });

    expect(status).toBe(200);
    expect(node).toMatchObject({ asked: [request] });
  });

  test('says what was cut, and where it was saved', async () => {
    const { call } = await serverOf();

    const kept = await call('POST', '/v1/admin/rejoin');
    const cut = await call('POST', '/v1/admin/rejoin', { body: '{"discard":true}' });

    expect(kept.json).toMatchObject({ leader: 'n2', epoch: 4, cut: null });
    expect(cut.json['cut']).toEqual({
      records: 2,
      fromLsn: 8,
      toLsn: 9,
      saved: ['00000000000000000008-1.wal'],
    });
  });

  test('that is refused says what each node said', async () => {
    const node = new FakeNode();
    const { call } = await serverOf(node);
    node.failure = new WalshipError('REJOIN_REFUSED', 'no leader was found within 5 ms', {
      details: { answers: ['n2: no answer'] },
    });

    const { status, json } = await call('POST', '/v1/admin/rejoin');

    expect(status).toBe(409);
    expect(json['error']).toMatchObject({ code: 'REJOIN_REFUSED', answers: ['n2: no answer'] });
  });
});

test.for([
  ['failover', 'x'],
  ['failover', '[]'],
  ['failover', 'null'],
  ['failover', '{"acceptDataLoss":"yes"}'],
  ['failover', '{"acceptDataLoss":1}'],
  ['failover', '{"accept-data-loss":true}'],
  ['failover', '{"quorum":0}'],
  ['failover', '{"quorum":1.5}'],
  ['failover', '{"quorum":"2"}'],
  ['failover', '{"toString":true}'],
  ['rejoin', '{"discard":"true"}'],
  ['rejoin', '{"from":7402}'],
  ['rejoin', '{"from":"nowhere"}'],
  ['rejoin', '{"timeoutMs":-1}'],
] as const)('%s with body %s never reaches the node', async ([name, body]) => {
  const { node, call } = await serverOf(new AskedNode());

  const { status, json } = await call('POST', `/v1/admin/${name}`, { body });
  const query = await call('POST', `/v1/admin/${name}?acceptDataLoss=true`);
  const get = await call('GET', `/v1/admin/${name}`);

  expect([status, json['error'].code]).toEqual([400, 'REQUEST_INVALID']);
  expect([query.status, get.status]).toEqual([400, 405]);
  expect(node).toMatchObject({ asked: [] });
});
