/** Goal: what holds up the event loop is seen. Method: hold it up. */
import { expect, onTestFinished, test } from 'vitest';
import { EventLoopDelay } from '../../src/server/event-loop-delay.ts';

test('a computation that holds up the event loop shows, and nothing does before it', async () => {
  const delay = new EventLoopDelay();
  onTestFinished(() => delay.close());
  expect(delay.read()).toEqual({ p99Ms: 0, maxMs: 0 });

  await samples(delay);
  const endMs = performance.now() + 150;
  while (performance.now() < endMs);
  await samples(delay);

  expect(delay.read().maxMs).toBeGreaterThan(100);
});

/** Resolves once the monitor has looked at least once more. */
async function samples(delay: EventLoopDelay): Promise<void> {
  const before = delay.count;
  while (delay.count < before + 2) await new Promise((resolve) => setImmediate(resolve));
}
