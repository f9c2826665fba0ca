/** `POST /v1/drill`, over a fake node: there only where a node was started for drills, and what reaches it. */
import { describe, expect, test } from 'vitest';
import type { NodeFault } from '../../src/ports/break-node.ts';
import { FakeNode } from './fake-node.ts';
import { serverOf } from './harness.ts';

async function drilled() {
  const faults: NodeFault[] = [];
  const breakNode = async (fault: NodeFault): Promise<void> => {
    faults.push(fault);
    await Promise.resolve();
  };
  const { call } = await serverOf(new FakeNode(), { breakNode });
  return { faults, post: (body: string) => call('POST', '/v1/drill', { body }) };
}

describe('POST /v1/drill', () => {
  test('does not exist on a node that was not started for drills', async () => {
    const { call } = await serverOf();

    expect((await call('POST', '/v1/drill', { body: '{"disk":null}' })).status).toBe(404);
  });

  test.for([
    ['{"disk":null}', { kind: 'disk-healthy' }],
    ['{"disk":{"full":true}}', { kind: 'disk-full' }],
    ['{"disk":{"noInodes":true}}', { kind: 'no-inodes' }],
    ['{"disk":{"readOnly":true}}', { kind: 'disk-read-only' }],
    ['{"disk":{"slowMs":5,"part":"wal"}}', { kind: 'disk-slow', ms: 5, part: 'wal' }],
    ['{"disk":{"fsyncError":true,"part":"meta"}}', { kind: 'sync-fails', part: 'meta' }],
    ['{"stallMs":7}', { kind: 'stall', ms: 7 }],
    ['{"clockJumpMs":-7}', { kind: 'clock-jump', byMs: -7 }],
    ['{"powerCut":{"seed":3}}', { kind: 'power-cut', seed: 3 }],
  ] as const)('%s reaches the node', async ([body, fault]) => {
    const { faults, post } = await drilled();

    expect(await post(body)).toMatchObject({ status: 200, json: { done: fault.kind } });
    expect(faults).toEqual([fault]);
  });

  test.for([
    '',
    '{}',
    '[]',
    'no',
    '{"disk":null,"stallMs":1}',
    '{"disk":{"slowMs":0}}',
    '{"disk":{"slowMs":5,"part":"all of it"}}',
    '{"stallMs":1e9}',
    '{"powerCut":{}}',
    '{"burn":true}',
  ])('%s is refused and changes nothing', async (body) => {
    const { faults, post } = await drilled();

    expect(await post(body)).toMatchObject({
      status: 400,
      json: { error: { code: 'REQUEST_INVALID' } },
    });
    expect(faults).toEqual([]);
  });
});
