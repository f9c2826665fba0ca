/** Real parts of a drill. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ASK_OVER_HTTP } from '../drill/target/ask-node.ts';
import { ComposeTarget } from '../drill/target/compose-target.ts';
import { LocalTarget } from '../drill/target/local-target.ts';
import type { DrillParts } from '../drill/run/runner.ts';
import { startSampler } from '../drill/load/sampler.ts';
import { startLoad } from '../drill/load/start-load.ts';
import type { DrillTarget } from '../drill/target/target.ts';
import { NodeDisk } from '../ports/node-disk.ts';

/** Creates the target of the drill; nothing is started yet. */
export function makeTarget({ target, seed, keep }: TargetFlags): DrillTarget {
  if (target === 'compose') return new ComposeTarget({ seed, keep });
  return new LocalTarget({ program: process.argv[1] ?? '', seed, keepDir: keep });
}

export interface TargetFlags {
  readonly target: 'local' | 'compose';
  readonly seed: number;
  /** True to keep the data directories. */
  readonly keep: boolean;
}

export function drillParts(target: DrillTarget): DrillParts {
  return {
    target,
    disk: new NodeDisk(),
    ask: ASK_OVER_HTTP,
    startLoad,
    startSampler: (request) => startSampler(request, ASK_OVER_HTTP),
    clock: {
      wallMs: () => Date.now(),
      monotonicMs: () => performance.now(),
      sleep: async (ms, signal) => {
        await sleep(ms, undefined, { signal });
      },
    },
  };
}
