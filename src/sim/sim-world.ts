/**
 * Event loop of a simulation: one event, then everything that it set off in promises, then the next.
 *
 * Nothing but the seed decides what happens, as long as the code inside uses only the ports. Every failure names the seed.
 */
import { SimClock, SimProcess } from './sim-clock.ts';
import { SeededEntropy } from '../ports/seeded-entropy.ts';

export interface SimRunLimits {
  /** Virtual time after which the run has failed. */
  readonly limitMs?: number;
  readonly limitEvents?: number;
}

const LIMIT_MS_DEFAULT = 3_600_000;
const LIMIT_EVENTS_DEFAULT = 5_000_000;
/** Largest error of the machines' wall clocks: nothing may depend on these. */
const WALL_SKEW_MS_MAX = 10_000;

export class SimWorld {
  readonly seed: number;
  readonly clock = new SimClock();
  readonly entropy: SeededEntropy;
  /** Called after each event, and all that it set off, with its process; by then nothing is halfway. */
  watch: (process: SimProcess | undefined) => void = () => undefined;
  /** Largest drift of the clock of a process, as a share of true time. */
  clockDrift = 0;
  #events = 0;
  #processes = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.entropy = new SeededEntropy(seed);
  }

  /** Number of events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Creates a process that has just started, with clocks of its own. */
  process(): SimProcess {
    this.#processes += 1;
    const entropy = this.entropy.fork(`process ${this.#processes}`);
    return new SimProcess(this.clock, {
      startMs: entropy.between(-1e6, 0),
      wallSkewMs: entropy.between(-WALL_SKEW_MS_MAX, WALL_SKEW_MS_MAX),
      rate: 1 + this.clockDrift * entropy.between(-1, 1),
    });
  }

  /**
   * Runs events until `task` settles, and returns its result.
   * @throws Error with the seed in its message and the original failure as cause; also where no event is left.
   */
  async run<T>(task: Promise<T>, limits: SimRunLimits = {}): Promise<T> {
    const state = { settled: false };
    const outcome = task.then(
      (value) => {
        state.settled = true;
        return { value };
      },
      (cause: unknown) => {
        state.settled = true;
        return { cause };
      },
    );
    const endMs = this.clock.nowMs() + (limits.limitMs ?? LIMIT_MS_DEFAULT);
    const endEvents = this.#events + (limits.limitEvents ?? LIMIT_EVENTS_DEFAULT);
    await microtasks();
    while (!state.settled) {
      if (this.clock.nowMs() > endMs) throw this.#failure('it took too much virtual time');
      if (this.#events >= endEvents) throw this.#failure('it took too many events');
      if (!(await this.#step())) throw this.#failure('nothing is left to happen, and it waits');
    }
    const result = await outcome;
    if ('cause' in result) throw this.#failure(messageOf(result.cause), result.cause);
    return result.value;
  }

  /** Resolves when `ms` of virtual time have passed; for use inside of `run`. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.schedule(ms, resolve);
    });
  }

  async #step(): Promise<boolean> {
    try {
      if (!this.clock.step()) return false;
    } catch (cause) {
      throw this.#failure(messageOf(cause), cause);
    }
    this.#events += 1;
    await microtasks();
    this.watch(this.clock.ran);
    return true;
  }

  #failure(message: string, cause?: unknown): Error {
    const at = `seed ${this.seed}, ${this.clock.nowMs().toFixed(3)} ms, event ${this.#events}`;
    return new Error(`${message} (${at})`, cause === undefined ? undefined : { cause });
  }
}

/** Runs `main` in a new world, and returns its result. */
export async function simulate<T>(
  seed: number,
  main: (world: SimWorld) => Promise<T>,
  limits: SimRunLimits = {},
): Promise<T> {
  const world = new SimWorld(seed);
  return await world.run(main(world), limits);
}

/** Resolves when every promise that can settle has: the real event loop turns once. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
