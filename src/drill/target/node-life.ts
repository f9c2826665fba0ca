/** A node through all runs of its process, wherever that runs. */
export interface NodeLife {
  /** True if the process runs, paused or not. */
  readonly isUp: boolean;
  /**
   * Starts the process; resolves when it is spawned, and it may not be ready yet. @throws WalshipError DRILL_FAILED
   * if it runs, or cannot be spawned.
   */
  start(): Promise<void>;
  /** Kills the process with SIGKILL, paused or not; resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops it with SIGTERM, and with SIGKILL if that does not help in time; resolves when it is gone. */
  stop(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when it has ended on its own. */
  gone(): Promise<void>;
  /** Returns its last output, over all runs. */
  output(): Promise<string>;
}
