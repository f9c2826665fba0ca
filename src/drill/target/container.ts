/** A node in a container: one run after the other, restarted by the drill alone. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { WalshipError } from '../../errors.ts';
import { command, commandOutput } from './docker.ts';
import type { NodeLife } from './node-life.ts';

const OUTPUT_LINES_MAX = 400;
/** Seconds from SIGTERM to SIGKILL. */
const STOP_SECONDS_MAX = 15;

export class Container implements NodeLife {
  readonly #id: string;
  readonly #onStarted: () => Promise<void>;
  /** Process of docker that waits for the end of the present run. */
  #waiter: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #isUp = false;
  #isPaused = false;

  /** Takes over a running container. @param onStarted every start waits for it from now on. */
  constructor(id: string, onStarted: () => Promise<void>) {
    this.#id = id;
    this.#onStarted = onStarted;
    this.#watch();
  }

  get id(): string {
    return this.#id;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  async start(): Promise<void> {
    if (this.#isUp) throw new WalshipError('DRILL_FAILED', 'the node runs already');
    await this.#docker('start');
    this.#watch();
    await this.#onStarted();
  }

  async kill(): Promise<void> {
    // Docker lets a paused container continue so that it can die.
    await this.#end('kill', '--signal', 'KILL');
  }

  async stop(): Promise<void> {
    await this.resume();
    await this.#end('stop', '--time', String(STOP_SECONDS_MAX));
  }

  async pause(): Promise<void> {
    if (!this.#isUp || this.#isPaused) return;
    await this.#docker('pause');
    this.#isPaused = true;
  }

  async resume(): Promise<void> {
    if (!this.#isUp || !this.#isPaused) return;
    await this.#docker('unpause');
    this.#isPaused = false;
  }

  async gone(): Promise<void> {
    await this.#gone;
  }

  async output(): Promise<string> {
    const lines = ['--tail', String(OUTPUT_LINES_MAX)];
    const { stdout, stderr } = await commandOutput(['docker', 'logs', ...lines, this.#id]);
    return stdout + stderr;
  }

  /** Stops watching the container. */
  release(): void {
    this.#waiter?.kill('SIGKILL');
  }

  #watch(): void {
    const waiter = spawn('docker', ['wait', this.#id], { stdio: 'ignore' });
    this.#waiter = waiter;
    this.#isUp = true;
    this.#isPaused = false;
    this.#gone = new Promise((resolve) => {
      const end = (): void => {
        if (this.#waiter === waiter) this.#isUp = false;
        resolve();
      };
      waiter.once('exit', end);
      waiter.once('error', end);
    });
  }

  async #end(...words: readonly string[]): Promise<void> {
    if (!this.#isUp) return;
    try {
      await this.#docker(...words);
    } catch (error) {
      // The container may have ended on its own before.
      if (await this.#runs()) throw error;
    }
    await this.#gone;
  }

  async #runs(): Promise<boolean> {
    const words = ['docker', 'inspect', '--format', '{{.State.Running}}', this.#id];
    return (await command(words)).trim() === 'true';
  }

  async #docker(...words: readonly string[]): Promise<void> {
    await command(['docker', ...words, this.#id]);
  }
}
