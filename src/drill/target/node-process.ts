/** A node through all its runs, as a child process of `walship serve`. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { WalshipError } from '../../errors.ts';
import { Descriptors } from './descriptors.ts';
import type { NodeLife } from './node-life.ts';

/** Number of characters that are kept of a node's output. */
const OUTPUT_CHARACTERS_MAX = 20_000;
/** Milliseconds from SIGTERM to SIGKILL. */
const STOP_MS_MAX = 15_000;

export interface NodeProcessOptions {
  /** Path of the script of the command line. */
  readonly program: string;
  readonly args: readonly string[];
  /** Path of the file for its output. */
  readonly logPath: string;
}

export class NodeProcess implements NodeLife {
  readonly #options: NodeProcessOptions;
  #child: ChildProcess | undefined;
  /** Descriptors of the process that was started last. */
  #descriptors: Descriptors | undefined;

  constructor(options: NodeProcessOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Spawns the process. @throws WalshipError DRILL_FAILED if it runs, or cannot be spawned. */
  async start(): Promise<void> {
    if (this.isUp) throw new WalshipError('DRILL_FAILED', 'the node runs already');
    const { program, args, logPath } = this.#options;
    const log = openSync(logPath, 'a');
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', log, log],
      // Variables of walship are removed: a drill is the same whatever the shell has set for other nodes.
      env: Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !name.startsWith('WALSHIP_')),
      ),
    });
    closeSync(log);
    this.#child = child;
    try {
      await once(child, 'spawn');
      if (child.pid !== undefined) this.#descriptors = new Descriptors(child.pid);
    } catch (cause) {
      throw new WalshipError('DRILL_FAILED', 'the node cannot be spawned', { cause });
    }
  }

  /** Lets the node open nothing more; resolves with the limit in words. @throws WalshipError DRILL_FAILED. */
  async takeDescriptors(): Promise<string> {
    if (!this.isUp || this.#descriptors === undefined) {
      throw new WalshipError('DRILL_FAILED', 'the node does not run: it has no descriptors');
    }
    return await this.#descriptors.take();
  }

  /** Restores the limit of a node that runs; the next process of one that is down has its own. @throws WalshipError DRILL_FAILED. */
  async giveDescriptorsBack(): Promise<void> {
    if (this.isUp) await this.#descriptors?.giveBack();
  }

  async pause(): Promise<void> {
    this.#signal('SIGSTOP');
    await Promise.resolve();
  }

  async resume(): Promise<void> {
    this.#signal('SIGCONT');
    await Promise.resolve();
  }

  /** Kills the process; resolves when it is gone. It may be paused. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops the process with SIGTERM, and with SIGKILL if that does not help in time; resolves when it is gone. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#signal('SIGKILL'), STOP_MS_MAX);
    this.#signal('SIGCONT');
    await this.#end('SIGTERM');
    clearTimeout(timer);
  }

  /** Resolves when the process has ended on its own. */
  async gone(): Promise<void> {
    if (this.isUp && this.#child !== undefined) await once(this.#child, 'exit');
  }

  /** Returns its last output, over all runs. */
  async output(): Promise<string> {
    return (await readFile(this.#options.logPath, 'utf8')).slice(-OUTPUT_CHARACTERS_MAX);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.isUp) this.#child?.kill(signal);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const gone = this.gone();
    this.#signal(signal);
    await gone;
  }
}
