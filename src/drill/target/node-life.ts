/** One node through all of its lives, wherever its process runs. */
export interface NodeLife {
  /** Whether the process runs, paused or not. */
  readonly isUp: boolean;
  /** Resolves when it is spawned; it may not be ready yet. @throws WalshipError DRILL_FAILED where it runs, or cannot be spawned. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. It may be paused. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL where that does not help in time; resolves when it is gone. */
  stop(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when it has ended by itself. */
  gone(): Promise<void>;
  /** The last that it printed, of all its lives. */
  output(): Promise<string>;
}
