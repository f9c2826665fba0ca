/** Faults that `drill selftest` plants: one for each statement of a verdict, and more. */
import type { AskNode } from '../target/ask-node.ts';
import type { DrillClient } from '../load/drill-client.ts';
import type { Fault, OperatorAction } from '../faults/fault.ts';
import type { Recording } from '../recording/recording.ts';
import {
  acknowledgeAlone,
  callRejected,
  loseWrite,
  overtake,
  refuse,
  sendTwice,
  SetTampering,
  StaleLocalRead,
  StaleRead,
  TornPage,
  TornTransfer,
  WatchTampering,
} from '../load/tamper.ts';
import type { Check } from './verdict.ts';

export interface Plant {
  readonly name: string;
  /** Description, one sentence. */
  readonly about: string;
  /** Check that has to turn red; undefined: none may. */
  readonly expected: Check['code'] | undefined;
  readonly client?: (client: DrillClient) => DrillClient;
  /** Wraps the questions to nodes; `url` is that of the node to lie about. */
  readonly ask?: (ask: AskNode, url: string) => AskNode;
  /** Order of an operator that is given during the run. */
  readonly order?: OperatorAction;
  /** Faults that are reported as done to the cluster, and were not. */
  readonly faults?: readonly Fault[];
  readonly loss?: Recording['scenario']['loss'];
}

const BUSY = { error: { code: 'BUSY', message: 'no place is left' } };

/** Creates a plant that lies about one node, whenever it is asked. */
function lieOf(
  change: (ask: AskNode) => Partial<Pick<AskNode, 'status' | 'entries'>>,
): NonNullable<Plant['ask']> {
  return (ask, liar) => {
    const lies = change(ask);
    return {
      ...ask,
      status: async (url) => await (url === liar ? (lies.status ?? ask.status) : ask.status)(url),
      entries: async (url) =>
        await (url === liar ? (lies.entries ?? ask.entries) : ask.entries)(url),
    };
  };
}

export const PLANTS: readonly Plant[] = [
  {
    name: 'nothing',
    about: 'nothing is planted, so nothing may be found',
    expected: undefined,
  },
  {
    name: 'lost-write',
    about: 'a write is called acknowledged, and was never sent',
    expected: 'LOST_WRITE',
    client: (client) => new SetTampering(client, loseWrite),
  },
  {
    name: 'unforeseen-loss',
    about: 'a write that may be lost is lost, though no tool had said so',
    expected: 'PREDICTION',
    client: (client) => new SetTampering(client, loseWrite),
    loss: 'local',
  },
  {
    name: 'no-loss',
    about: 'writes are to be lost, and all are there',
    expected: 'PREDICTION',
    loss: 'local',
  },
  {
    name: 'rejected-write',
    about: 'a write is called rejected, and is there',
    expected: 'REJECTED_APPEARED',
    client: (client) => new SetTampering(client, callRejected),
  },
  {
    name: 'duplicate',
    about: 'a write is sent twice',
    expected: 'DUPLICATE',
    client: (client) => new SetTampering(client, sendTwice),
  },
  {
    name: 'reordered-write',
    about: 'a write gets a place before one that was acknowledged earlier',
    expected: 'ORDER',
    client: (client) => new SetTampering(client, overtake),
  },
  {
    name: 'acknowledged-alone',
    about: 'a write is acknowledged that is on one disk only',
    expected: 'ACK_LEVEL',
    client: (client) => new SetTampering(client, acknowledgeAlone),
  },
  {
    name: 'acknowledged-apart',
    about: 'writes are acknowledged while no node could hear from another one',
    expected: 'ACK_LEVEL',
    faults: [{ kind: 'partition', groups: [['n1'], ['n2'], ['n3']] }],
  },
  {
    name: 'stale-read',
    about: 'a linearizable read shows what had been overwritten',
    expected: 'LINEARIZABILITY',
    client: (client) => new StaleRead(client),
  },
  {
    name: 'stale-local-read',
    about: 'a node answers from before the version that it was asked for',
    expected: 'LOCAL_READS',
    client: (client) => new StaleLocalRead(client),
  },
  {
    name: 'torn-transaction',
    about: 'transfers are sent as two writes each',
    expected: 'ATOMICITY',
    client: (client) => new TornTransfer(client),
  },
  {
    name: 'torn-page',
    about: 'a read of all accounts shows one of them as it never was',
    expected: 'ATOMICITY',
    client: (client) => new TornPage(client),
  },
  {
    name: 'watch-gap',
    about: 'a watch leaves out a change',
    expected: 'WATCH',
    client: (client) => new WatchTampering(client, () => []),
  },
  {
    name: 'watch-repeat',
    about: 'a watch shows a change twice',
    expected: 'WATCH',
    client: (client) => new WatchTampering(client, (change) => [change, change]),
  },
  {
    name: 'diverged-store',
    about: 'one node has another value under one key',
    expected: 'DIVERGENCE',
    ask: lieOf((ask) => ({
      entries: async (url) => {
        const entries = new Map(await ask.entries(url));
        const [[key, entry] = []] = entries;
        if (key !== undefined && entry !== undefined) {
          entries.set(key, { ...entry, value: `${entry.value}, or so` });
        }
        return entries;
      },
    })),
  },
  {
    name: 'diverged-log',
    about: 'one node has another chain at the same place of its log',
    expected: 'DIVERGENCE',
    ask: lieOf((ask) => ({
      status: async (url) => {
        const status = await ask.status(url);
        if (status === undefined) return status;
        const { durable } = status;
        return { ...status, durable: { ...durable, chain: (durable.chain ^ 1) >>> 0 } };
      },
    })),
  },
  {
    name: 'never-equal',
    about: 'one node stays behind the others',
    expected: 'CONVERGENCE',
    ask: lieOf((ask) => ({
      status: async (url) => {
        const status = await ask.status(url);
        if (status === undefined) return status;
        const { durable } = status;
        return { ...status, durable: { ...durable, lsn: durable.lsn - 1 } };
      },
    })),
  },
  {
    name: 'wrong-answer',
    about: 'an order that cannot be carried out is expected to be',
    expected: 'OPERATOR',
    order: { kind: 'switchover', to: 'nobody', timeoutMs: 1_000, expect: 'done' },
  },
  {
    name: 'crowded-out',
    about: 'a node refuses one of the questions of health checks',
    expected: 'OPERATOR',
    order: { kind: 'probe', node: 'n1', expect: 'done' },
    ask: (ask) => ({
      ...ask,
      call: async (call) =>
        call.url.endsWith('/v1/events') ? { status: 503, body: BUSY } : await ask.call(call),
    }),
  },
  {
    name: 'empty-read',
    about: 'a node answers that it holds nothing',
    expected: 'OPERATOR',
    order: { kind: 'read', node: 'n1', expect: 'done' },
    ask: (ask) => ({
      ...ask,
      call: async () => await Promise.resolve({ status: 200, body: { entries: [], next: null } }),
    }),
  },
  {
    name: 'nothing-happens',
    about: 'after a moment no write gets through any more',
    expected: 'TOO_LITTLE',
    client: (client) => new SetTampering(client, refuse, true),
  },
];
