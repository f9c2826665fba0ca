import type { NodeSample } from '../../recording/recording.ts';

/** A run of a node's process, as far as it was seen. */
interface Life {
  /** Bounds of the time at which it started. */
  readonly startedFrom: number;
  readonly startedTo: number;
  /** Time at which it was last seen. */
  lastSeen: number;
}

/** Maps answers to runs of a node, by the uptimes that its process reported. */
export class Lives {
  readonly #lives = new Map<string, Life[]>();

  constructor(samples: readonly NodeSample[]) {
    for (const { nodeId, status, atMs, tookMs } of samples.toSorted((a, b) => a.atMs - b.atMs)) {
      if (status === undefined) continue;
      const life = {
        startedFrom: atMs - tookMs - status.uptimeMs,
        startedTo: atMs - status.uptimeMs,
        lastSeen: atMs,
      };
      const own = this.#lives.get(nodeId) ?? [];
      this.#lives.set(nodeId, own);
      const last = own.at(-1);
      if (last !== undefined && life.startedFrom <= last.startedTo + SLACK_MS) last.lastSeen = atMs;
      else own.push(life);
    }
  }

  /**
   * Returns the number of the run; undefined where an answer between these two moments may be of more than one run,
   * or of one that was never seen.
   */
  of(nodeId: string, fromMs: number, toMs: number): number | undefined {
    const own = this.#lives.get(nodeId) ?? [];
    const index = own.findIndex(
      ({ startedTo, lastSeen }) => startedTo + SLACK_MS <= fromMs && toMs <= lastSeen,
    );
    return index < 0 ? undefined : index;
  }
}

/** Largest difference between the clocks of two processes, in milliseconds, over the length of a drill. */
const SLACK_MS = 20;
