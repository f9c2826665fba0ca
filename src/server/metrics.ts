/** Handles `GET /metrics`: the counts of the node and its server, read when Prometheus asks. */
import type { ErrorCode, Outcome } from '../errors.ts';
import type { AckLevel, NodeApi, NodeStatus } from '../node/api/api.ts';
import type { TimingName, Timings } from '../node/timings.ts';
import type { Delay } from './event-loop-delay.ts';
import type { AnswerCounts, Exchange } from './exchange.ts';
import { Registry } from './prometheus.ts';
import type { Histogram, Labels } from './prometheus.ts';
import { sendReply } from './reply.ts';

/** Facts about a data directory that the node itself does not report; null where unknown. */
export interface DataFacts {
  /** Free bytes of its file system, as available to this process. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  /** Time when the newest snapshot was written or arrived, in milliseconds since 1970. */
  readonly snapshotAt: number | null;
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface GaugeSpec {
  readonly help: string;
  readonly read: (status: NodeStatus) => number;
}

/** Gauges of the node's status, one number each. */
const GAUGES: Readonly<Record<string, GaugeSpec>> = {
  walship_applied_lsn: { help: 'LSN replayed into the store.', read: (s) => s.applied.lsn },
  walship_commit_waits: {
    help: '1 while commits wait, else 0.',
    read: (s) => Number(s.commitWaits !== null),
  },
  walship_committed_lsn: {
    help: 'LSN known to be durable on W voters.',
    read: (s) => s.committedLsn,
  },
  walship_disk_writable: {
    help: '1 while the disk accepts another segment of log, else 0.',
    read: (s) => Number(s.unwritable === undefined),
  },
  walship_durable_lsn: { help: 'LSN fsynced here.', read: (s) => s.durable.lsn },
  walship_epoch: { help: 'Epoch that this node leads or follows.', read: (s) => s.epoch },
  walship_intact: {
    help: '1 while the node is intact, 0 while it is suspect or blank.',
    read: (s) => Number(s.state === 'intact'),
  },
  walship_keys: { help: 'Live keys.', read: (s) => s.keys },
  walship_leader: {
    help: '1 while this node leads, else 0.',
    read: (s) => Number(s.role === 'leader'),
  },
  walship_log_bytes: {
    help: 'Bytes of log on this node, without unused space in segments.',
    read: (s) => s.log.bytes,
  },
  walship_promise_epoch: {
    help: 'Lowest epoch that this node still follows.',
    read: (s) => s.promise.epoch,
  },
  walship_quorum: {
    help: 'Number of voters on which a write must be durable.',
    read: (s) => s.quorum,
  },
  walship_ready: { help: '1 while ready, else 0.', read: (s) => Number(s.notReady === null) },
  walship_received_lsn: { help: 'Last LSN received or written.', read: (s) => s.received.lsn },
  walship_scrub_bytes: {
    help: 'Bytes of sealed segments read again since the node started.',
    read: (s) => s.scrub?.scrubbedBytes ?? 0,
  },
  walship_scrub_damaged_segments: {
    help: 'Sealed segments that are damaged and not repaired.',
    read: (s) => s.scrub?.damaged.length ?? 0,
  },
  walship_scrub_last_pass_bytes: {
    help: 'Bytes of all sealed segments at the end of the latest scrub pass.',
    read: (s) => s.scrub?.lastPassBytes ?? 0,
  },
  walship_scrub_last_pass_timestamp_seconds: {
    help: 'End of the latest scrub pass, since 1970; 0 before the first one.',
    read: (s) => (s.scrub?.lastPassAt ?? 0) / 1000,
  },
  walship_uncommitted_bytes: {
    help: 'Bytes of log that are written and not committed.',
    read: (s) => s.uncommittedBytes,
  },
  walship_uptime_seconds: { help: 'Since the node started.', read: (s) => s.uptimeMs / 1000 },
  walship_warnings: { help: 'Warnings that the status shows.', read: (s) => s.warnings.length },
};

/** Gauges for each follower; the leader alone has them. */
const FOLLOWER_GAUGES: Readonly<
  Record<string, { help: string; read: (f: NodeStatus['followers'][number]) => number }>
> = {
  walship_follower_applied_lsn: {
    help: 'LSN the follower says it applied.',
    read: (f) => f.appliedLsn,
  },
  walship_follower_connected: {
    help: '1 while the follower is connected, else 0.',
    read: (f) => Number(f.connected),
  },
  walship_follower_durable_lsn: {
    help: 'LSN the follower has fsynced.',
    read: (f) => f.durableLsn,
  },
  walship_follower_disk_writable: {
    help: '1 while the disk of the follower accepts another segment of log, else 0.',
    read: (f) => Number(f.unwritable === undefined),
  },
  walship_follower_lag_bytes: {
    help: 'Bytes of the stream not yet sent to it.',
    read: (f) => f.lagBytes,
  },
  walship_follower_lag_seconds: {
    help: 'Since it was last durable at the end of the log.',
    read: (f) => f.lagMs / 1000,
  },
};

/** Buckets from a fast disk to one that is about to fail. */
const FSYNC_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

const BOUND_HELP = [
  ['used', 'Current use of each bounded resource.'],
  ['max', 'Limit of each bounded resource.'],
] as const;

const DELAY_HELP = 'Event loop delay in the last minutes, by percentile.';

/** Counts the answers of one server, and exports its metrics and its node's. */
export class Metrics implements AnswerCounts {
  readonly #node: NodeApi;
  readonly #registry = new Registry();
  readonly #seconds: Histogram;
  readonly #writes: Histogram;
  /** Writes that ended in an error, by outcome and code. */
  readonly #failedWrites = new Map<string, { labels: Labels; value: number }>();
  readonly #look: (() => Promise<DataFacts>) | undefined;
  /** Facts for the scrape that is being answered. */
  #facts: DataFacts | undefined;

  constructor(
    node: NodeApi,
    server: {
      readonly watchers: () => number;
      readonly delay: () => Delay;
      readonly timings?: Timings | undefined;
      readonly version?: string | undefined;
      readonly dataFacts?: ((snapshotLsn: number) => Promise<DataFacts>) | undefined;
    },
  ) {
    this.#node = node;
    const registry = this.#registry;
    addNode(registry, node);
    for (const [what, help] of BOUND_HELP) {
      const bound = { name: `walship_bound_${what}`, help, labelNames: ['bound'] };
      registry.gauge(bound, () =>
        node.bounds.status.map((one) => ({ labels: { bound: one.name }, value: one[what] })),
      );
    }
    const watchers = { name: 'walship_http_watchers', help: 'Open watches.' };
    registry.gauge(watchers, server.watchers);
    const memory = { name: 'walship_resident_memory_bytes', help: 'Memory of the process.' };
    registry.gauge(memory, () => process.memoryUsage.rss());
    const delay = {
      name: 'walship_event_loop_delay_seconds',
      help: DELAY_HELP,
      labelNames: ['of'],
    };
    registry.gauge(delay, () => {
      const { p99Ms, maxMs } = server.delay();
      return [
        { labels: { of: 'p99' }, value: p99Ms / 1000 },
        { labels: { of: 'max' }, value: maxMs / 1000 },
      ];
    });
    const { version, dataFacts } = server;
    if (version !== undefined) {
      const labels = { version, node_version: process.version };
      const build = {
        name: 'walship_build_info',
        help: 'Version of the running program; always 1.',
        labelNames: Object.keys(labels),
      };
      registry.gauge(build, () => [{ labels, value: 1 }]);
    }
    if (dataFacts !== undefined) {
      this.#look = async () => await dataFacts(node.status().log.snapshotLsn);
      this.#addDataFacts(registry);
    }
    const failed = {
      name: 'walship_failed_writes_total',
      help: 'Writes answered with an error, by outcome (rejected: surely not written; indeterminate: may still commit) and code.',
      labelNames: ['outcome', 'code'],
    };
    registry.counter(failed, () => [...this.#failedWrites.values()]);
    this.#writes = registry.histogram({
      name: 'walship_write_seconds',
      labelNames: ['ack'],
      help: 'Time from a write request to its acknowledgement, by ack level.',
      bounds: SECONDS,
    });
    server.timings?.listen(timed(registry));
    this.#seconds = registry.histogram({
      name: 'walship_http_request_seconds',
      labelNames: ['route', 'status'],
      help: 'Time to answer, by route and status; a watch counts when it ends.',
      bounds: SECONDS,
    });
  }

  wrote(ack: AckLevel, seconds: number): void {
    this.#writes.observe(seconds, { ack });
  }

  failed(outcome: Outcome, code: ErrorCode): void {
    const key = `${outcome} ${code}`;
    const failed = this.#failedWrites.get(key) ?? { labels: { outcome, code }, value: 0 };
    failed.value += 1;
    this.#failedWrites.set(key, failed);
  }

  count(route: string, status: number, seconds: number): void {
    this.#seconds.observe(seconds, { route, status: String(status) });
  }

  /** Answers `GET /metrics`. */
  readonly handle = async ({ query, response }: Exchange): Promise<void> => {
    query.finish();
    this.#facts = await this.#look?.();
    const body = await this.#registry.text();
    const { contentType } = this.#registry;
    const headers = { 'content-type': contentType, 'walship-node': this.#node.nodeId };
    sendReply(response, { status: 200, headers, body });
  };

  #addDataFacts(registry: Registry): void {
    const add = (name: string, help: string, read: (facts: DataFacts) => number | null): void => {
      registry.gauge({ name, help }, () => {
        const value = this.#facts === undefined ? null : read(this.#facts);
        return value === null ? [] : [{ value }];
      });
    };
    const { free, total, snapshot } = DATA_HELP;
    add('walship_disk_free_bytes', free, ({ freeBytes }) => freeBytes);
    add('walship_disk_total_bytes', total, ({ totalBytes }) => totalBytes);
    add('walship_snapshot_timestamp_seconds', snapshot, ({ snapshotAt }) => {
      return (snapshotAt ?? 0) / 1000;
    });
  }
}

const DATA_HELP = {
  free: 'Free space on the file system of the data directory that this process may use.',
  total: 'Size of the file system of the data directory.',
  snapshot: 'Time at which the newest snapshot was written or received, since 1970; 0 without one.',
} as const;

/** Adds the metrics of the node's status. */
function addNode(registry: Registry, node: NodeApi): void {
  for (const [name, { help, read }] of Object.entries(GAUGES)) {
    registry.gauge({ name, help }, () => read(node.status()));
  }
  for (const [name, { help, read }] of Object.entries(FOLLOWER_GAUGES)) {
    registry.gauge({ name, help, labelNames: ['follower', 'kind'] }, () =>
      node.status().followers.map((follower) => ({
        labels: { follower: follower.nodeId, kind: follower.voter ? 'voter' : 'learner' },
        value: read(follower),
      })),
    );
  }
  const counters = {
    name: 'walship_node_events_total',
    help: 'Number of events since the node started, by event.',
    labelNames: ['event'],
  };
  registry.counter(counters, () =>
    Object.entries(node.status().counters).map(([event, value]) => ({
      labels: { event },
      value,
    })),
  );
}

/** Adds the histograms of the node's timings, and returns their listener. */
function timed(registry: Registry): (name: TimingName, ms: number) => void {
  const histograms: Readonly<Record<TimingName, Histogram>> = {
    fsync: registry.histogram({
      name: 'walship_fsync_seconds',
      help: 'Time to write one batch of log and make it durable.',
      bounds: FSYNC_SECONDS,
    }),
    apply: registry.histogram({
      name: 'walship_apply_lag_seconds',
      help: 'Time from learning of a commit to applying it; a sample, one commit at a time.',
      bounds: FSYNC_SECONDS,
    }),
  };
  return (name, ms) => histograms[name].observe(ms / 1000);
}
