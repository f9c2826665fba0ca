import type { AskNode } from '../target/ask-node.ts';
import { Pace } from './pace.ts';
import type { NodeSample } from '../recording/recording.ts';
import type { LoadRequest, Sampler } from '../run/runner.ts';

export const SAMPLE_EVERY_MS = 200;

/** Asks every node for its status, all the time; a silent node holds up no other. */
export function startSampler(
  { target, nowMs }: Pick<LoadRequest, 'target' | 'nowMs'>,
  ask: Pick<AskNode, 'status'>,
): Sampler {
  const samples: NodeSample[] = [];
  const paces = target.nodes.map(({ nodeId, url }) => {
    const begin = async (): Promise<void> => {
      const calledAt = nowMs();
      const status = await ask.status(url);
      const atMs = nowMs();
      samples.push({ atMs, tookMs: atMs - calledAt, nodeId, status });
    };
    return new Pace({ everyMs: SAMPLE_EVERY_MS, inFlightMax: 1, begin });
  });
  for (const pace of paces) pace.start();
  return {
    async stop() {
      await Promise.all(paces.map(async (pace) => await pace.stop()));
      return samples;
    },
  };
}
