import { expect, test } from 'vitest';
import { unlessAborted } from '../../../src/drill/run/unless-aborted.ts';

const NEVER = new Promise<never>(() => undefined);

test('work comes to what it comes to, where nobody aborts', async () => {
  const { signal } = new AbortController();

  await expect(unlessAborted(Promise.resolve(7), signal)).resolves.toBe(7);
  await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});

test('work that waits for something else is given up as soon as somebody aborts', async () => {
  const controller = new AbortController();

  const work = unlessAborted(NEVER, controller.signal);
  controller.abort(new Error('enough'));

  await expect(work).rejects.toThrow('enough');
  await expect(unlessAborted(NEVER, controller.signal)).rejects.toThrow('enough');
});
