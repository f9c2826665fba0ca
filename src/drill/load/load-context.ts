import type { History } from '../../check/history.ts';
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { DrillClient } from './drill-client.ts';

/** What every part of the load works with. */
export interface LoadContext {
  readonly client: DrillClient;
  /** Also the clock of all parts: `history.now()` is later than every moment before. */
  readonly history: History;
  readonly entropy: SeededEntropy;
  /** Stands before every key. */
  readonly prefix: string;
}

/** One part of the load. */
export interface LoadPart {
  start(): void;
  /** Begins nothing more; resolves once nothing is in flight. */
  stop(): Promise<void>;
}
