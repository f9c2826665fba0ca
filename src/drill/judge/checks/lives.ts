import type { NodeSample } from '../../recording/recording.ts';

/** One life of a node's process, as far as it was seen. */
interface Life {
  /** It started between these two. */
  readonly startedFrom: number;
  readonly startedTo: number;
  /** When it was seen last. */
  lastSeen: number;
}

/** Which life of a node an answer came from, told from how long its process said that it had run. */
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

  /** Undefined where an answer between these two moments may be of more than one life, or of one that was never seen. */
  of(nodeId: string, fromMs: number, toMs: number): number | undefined {
    const own = this.#lives.get(nodeId) ?? [];
    const index = own.findIndex(
      ({ startedTo, lastSeen }) => startedTo + SLACK_MS <= fromMs && toMs <= lastSeen,
    );
    return index < 0 ? undefined : index;
  }
}

/** Clocks of two processes differ by as much at most, in as long as a drill takes. */
const SLACK_MS = 20;
