import type { History } from '../../check/history.ts';
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { DrillClient } from './drill-client.ts';

/** Context shared by all parts of the load. */
export interface LoadContext {
  readonly client: DrillClient;
  /** History, which is also the clock of all parts: `history.now()` is later than every moment before. */
  readonly history: History;
  readonly entropy: SeededEntropy;
  /** Prefix of every key. */
  readonly prefix: string;
}

/** A part of the load. */
export interface LoadPart {
  start(): void;
  /** Starts nothing more; resolves once nothing is in flight. */
  stop(): Promise<void>;
}
