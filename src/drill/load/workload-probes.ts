import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { LoadContext, LoadPart } from './load-context.ts';
import { Pace } from './pace.ts';
import type { ReadProbe } from '../recording/recording.ts';

/** Interval of linearizable reads of each node: a deposed leader that answers all the same is caught. */
export const LINEARIZABLE_PROBE_EVERY_MS = 100;
/** Interval of local reads of each node. */
export const LOCAL_PROBE_EVERY_MS = 200;
const TIMEOUT_MS = 500;
const IN_FLIGHT_MAX = 8;

/** Reads of each node, all the time: to check the results, and to measure the time in which no node answers. */
export class ProbeWorkload implements LoadPart {
  readonly probes: ReadProbe[] = [];
  readonly #context: LoadContext;
  readonly #key: (entropy: SeededEntropy) => string;
  readonly #paces: readonly Pace[];

  /** Creates the probes. @param key returns one of the registers in use. */
  constructor(context: LoadContext, key: (entropy: SeededEntropy) => string) {
    this.#context = context;
    this.#key = key;
    this.#paces = context.client.nodes.flatMap((nodeId) => {
      const entropy = context.entropy.fork(`probe ${nodeId}`);
      const pace = (level: ReadProbe['level'], everyMs: number): Pace => {
        const begin = async (): Promise<void> => await this.#probe(nodeId, level, entropy);
        return new Pace({ everyMs, inFlightMax: IN_FLIGHT_MAX, begin });
      };
      return [
        pace('linearizable', LINEARIZABLE_PROBE_EVERY_MS),
        pace('local', LOCAL_PROBE_EVERY_MS),
      ];
    });
  }

  start(): void {
    for (const pace of this.#paces) pace.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#paces.map(async (pace) => await pace.stop()));
  }

  async #probe(nodeId: string, level: ReadProbe['level'], entropy: SeededEntropy): Promise<void> {
    const { client, history } = this.#context;
    const key = this.#key(entropy);
    const call = { client: `probe-${nodeId}`, key, calledAt: history.now() };
    const answer = await client.read({
      ...call,
      level,
      nodeId,
      minVersion: undefined,
      timeoutMs: TIMEOUT_MS,
    });
    const { ok } = answer;
    if (answer.ok) {
      const { found, applied } = answer;
      if (level === 'linearizable') history.got(call, found);
      else if (applied !== undefined) {
        history.gotLocally({ ...call, node: nodeId, minVersion: undefined, applied, found });
      }
    }
    this.probes.push({
      level,
      nodeId,
      calledAt: call.calledAt,
      returnedAt: history.now(),
      ok,
      code: answer.ok ? undefined : answer.code,
    });
  }
}
