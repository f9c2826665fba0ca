import { expect, test } from 'vitest';
import { untilReady } from '../../../src/drill/target/until-ready.ts';

/** Nothing listens there. */
const URL = 'http://127.0.0.1:1';

test('nobody waits for a node to get ready once somebody has had enough', async () => {
  const target = {
    nodes: [{ nodeId: 'n1', url: URL }],
    isUp: () => true,
    output: async () => await Promise.resolve(''),
  };
  const controller = new AbortController();

  const ready = untilReady(target, { withinMs: 60_000, signal: controller.signal });
  controller.abort();

  await expect(ready).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
});
