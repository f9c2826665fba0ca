import { setTimeout as sleep } from 'node:timers/promises';
import { WalshipError } from '../../errors.ts';
import { ASK_OVER_HTTP } from './ask-node.ts';
import type { DrillTarget } from './target.ts';

const POLL_MS = 30;

/**
 * Resolves when every node says that it is ready.
 * @throws WalshipError DRILL_FAILED, with what one printed that does not get there; the reason of `signal` where that aborts.
 */
export async function untilReady(
  target: Pick<DrillTarget, 'nodes' | 'isUp' | 'output'>,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const endMs = performance.now() + withinMs;
  for (const { nodeId, url } of target.nodes) {
    while ((await ASK_OVER_HTTP.status(url))?.notReady !== null) {
      if (!target.isUp(nodeId) || performance.now() > endMs) {
        const output = await target.output(nodeId);
        throw new WalshipError('DRILL_FAILED', `${nodeId} does not get ready\n${output}`);
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}
