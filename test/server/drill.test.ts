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

    expect((await call('POST', '/v1/drill', { body: '{"kind":"heal-disk"}' })).status).toBe(404);
  });

  test.for([
    { kind: 'heal-disk' },
    { kind: 'disk-full' },
    { kind: 'no-inodes' },
    { kind: 'disk-read-only' },
    { kind: 'disk-slow', ms: 5, part: 'wal' },
    { kind: 'fsync-error', part: 'meta' },
    { kind: 'stall', forMs: 7 },
    { kind: 'clock-jump', byMs: -7 },
    { kind: 'power-cut', seed: 3 },
  ] as const)('%j reaches the node', async (fault) => {
    const { faults, post } = await drilled();

    expect(await post(JSON.stringify(fault))).toMatchObject({
      status: 200,
      json: { done: fault.kind },
    });
    expect(faults).toEqual([fault]);
  });

  test('a disk fault without a part is about all files', async () => {
    const { faults, post } = await drilled();

    await post('{"kind":"fsync-error"}');

    expect(faults).toEqual([{ kind: 'fsync-error', part: 'all' }]);
  });

  test.for([
    '',
    '{}',
    '[]',
    'no',
    '{"kind":"heal-disk","forMs":1}',
    '{"kind":"disk-slow","ms":0}',
    '{"kind":"disk-slow","ms":5,"part":"all of it"}',
    '{"kind":"stall","forMs":1e9}',
    '{"kind":"power-cut"}',
    '{"kind":"burn"}',
    '{"kind":"toString"}',
  ])('%s is refused and changes nothing', async (body) => {
    const { faults, post } = await drilled();

    expect(await post(body)).toMatchObject({
      status: 400,
      json: { error: { code: 'REQUEST_INVALID' } },
    });
    expect(faults).toEqual([]);
  });
});
