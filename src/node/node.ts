import type { Link } from '../ports/link.ts';
import { isWalshipError, WalshipError } from '../errors.ts';
import { Bounds } from './api/bounds.ts';
import { nodeBounds, UNCOMMITTED_BYTES_MAX_DEFAULT } from './node-bounds.ts';
import { noLeader } from './role/not-leader.ts';
import type { Leader } from '../leader/leader.ts';
import { RETAIN_BYTES_MAX_DEFAULT } from '../leader/retention.ts';
import { TICK_MS } from '../ports/tick-timer.ts';
import type { Version } from '../wal/format/position.ts';
import type {
  FailoverRequest,
  FailoverResult,
  NodeApi,
  NodeStatus,
  PromoteResult,
  RejoinRequest,
  RejoinResult,
  ReadRequest,
  ReadResult,
  ScanRequest,
  ScanResult,
  SnapshotResult,
  SwitchoverRequest,
  SwitchoverResult,
  WaitRequest,
  WatchEvent,
  WatchRequest,
  WriteRequest,
  WriteResult,
} from './api/api.ts';
import { checkConfig } from './check-config.ts';
import { checkPeers, contractOf, learnerLine, quorumsOf } from './cluster/cluster.ts';
import { DiskWatch, HAND_OVER_MS_MAX } from './status/disk-watch.ts';
import { EventLog } from './api/event-log.ts';
import type { EventPage } from './api/event-log.ts';
import type { NodeEvent } from './api/events.ts';
import { failover } from './orders/failover.ts';
import type { FailoverParts } from './orders/failover.ts';
import { RoleDriver } from './role/role-driver.ts';
import { Membership } from './replica/membership.ts';
import type { NodeOptions } from './node-options.ts';
import { peerFaultListener } from './cluster/peer-faults.ts';
import { promote } from './orders/promote.ts';
import { ReadPath } from './requests/read-path.ts';
import { PeerServer } from './role/peer-server.ts';
import { rejoin } from './orders/rejoin.ts';
import type { RejoinParts } from './orders/rejoin.ts';
import { Replica } from './replica/replica.ts';
import type { Overlay } from '../store/overlay.ts';
import { Scrubber, SCRUB_BYTES_PER_SECOND_DEFAULT } from './repair/scrubber.ts';
import { Snapshotter, SNAPSHOT_LOG_BYTES_DEFAULT } from './replica/snapshotter.ts';
import { statusOf } from './status/status.ts';
import { Switchover } from './orders/switchover.ts';
import { newTrigger } from './api/trigger.ts';
import { ApplyLag } from './timings.ts';
import { watch } from './requests/watch-path.ts';
import { WritePath } from './requests/write-path.ts';

export const HEARTBEAT_MS_DEFAULT = 100;
export const SILENCE_MS_DEFAULT = 1_000;

interface NodeParts {
  readonly replica: Replica;
  readonly membership: Membership;
  readonly events: EventLog;
}

/** One walship node: a replica, its role, and the ways in for clients and peers. */
export class Node implements NodeApi {
  readonly nodeId: string;
  readonly stopped: Promise<void>;
  readonly bounds = new Bounds((event) => this.#noteEvent(event));
  readonly #options: NodeOptions;
  readonly #replica: Replica;
  readonly #membership: Membership;
  readonly #roleDriver: RoleDriver;
  readonly #reads: ReadPath;
  readonly #peerServer: PeerServer;
  readonly #snapshotter: Snapshotter;
  readonly #scrubber: Scrubber;
  readonly #startedMs: number;
  readonly #events: EventLog;
  readonly #applyLag: ApplyLag;
  readonly #diskWatch: DiskWatch;
  readonly #noLeader = (): WalshipError => noLeader(this.#roleDriver.knownLeader);
  #writes: WritePath | undefined;
  #switchover: Switchover | undefined;
  #cancelTick: () => void = () => undefined;
  #closing: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();
  #settle!: { readonly stop: () => void; readonly fail: (error: WalshipError) => void };

  private constructor(options: NodeOptions, { replica, membership, events }: NodeParts) {
    const { clock, entropy, peers, nodeId } = options;
    this.#options = options;
    this.#replica = replica;
    this.#membership = membership;
    this.nodeId = nodeId;
    this.#startedMs = clock.nowMs();
    this.#events = events;
    this.#applyLag = new ApplyLag(clock, options.timings);
    this.#reads = new ReadPath(replica, clock);
    this.stopped = new Promise((stop, fail) => {
      this.#settle = { stop, fail };
    });
    // An unobserved rejection must not end the process.
    this.stopped.catch(() => undefined);
    const silenceMs = options.silenceMs ?? SILENCE_MS_DEFAULT;
    const run = entropy.bytes(16).toString('hex');
    const onPeerFault = peerFaultListener(clock, (event) => this.#noteEvent(event));
    this.#snapshotter = new Snapshotter({
      ...options,
      replica,
      logBytes: options.snapshotLogBytes ?? SNAPSHOT_LOG_BYTES_DEFAULT,
      holds: () => this.#roleDriver.leader?.holds,
      onEvent: (event) => this.#noteEvent(event),
    });
    this.#roleDriver = new RoleDriver({
      ...options,
      replica,
      membership,
      initialLeader: options.initialLeader ?? peers[0]?.nodeId ?? nodeId,
      heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS_DEFAULT,
      silenceMs,
      trigger: newTrigger(options.failover ?? 'manual', { entropy, silenceMs }),
      retainBytesMax: options.retainBytesMax ?? RETAIN_BYTES_MAX_DEFAULT,
      snapshots: this.#snapshotter,
      run,
      onEvent: (event) => this.#noteEvent(event),
      onPeerFault,
      onLeading: (leader, inherited) => this.#leading(leader, inherited),
      onProgress: () => {
        this.#writes?.progressed();
        this.#switchover?.step();
      },
      onLeaderEnded: (code, message) => this.#leaderEnded(code, message),
    });
    this.#scrubber = new Scrubber({
      ...options,
      replica,
      peers: () => membership.peers,
      bytesPerSecond: options.scrubBytesPerSecond ?? SCRUB_BYTES_PER_SECOND_DEFAULT,
      onEvent: (event) => this.#noteEvent(event),
    });
    this.#peerServer = new PeerServer({
      clock,
      run,
      roleDriver: this.#roleDriver,
      replica,
      onPeerFault,
    });
    this.#diskWatch = new DiskWatch({
      failover: options.failover ?? 'manual',
      unwritable: () => replica.log.unwritable,
      followers: () => this.#roleDriver.leader?.sessions,
      handOver: (to) => this.switchover({ to, timeoutMs: HAND_OVER_MS_MAX }),
      onEvent: (event) => this.#noteEvent(event),
    });
    const { uncommittedBytesMax: bytesMax = UNCOMMITTED_BYTES_MAX_DEFAULT } = options;
    this.bounds.add(...nodeBounds(this.#reads, () => this.#writes, bytesMax));
    this.#listen();
  }

  /**
   * Opens the data directory, recovers, and begins to look for a leader. Resolves before the node leads or follows.
   * @throws WalshipError CONFIG_INVALID, CONFIG_MISMATCH, DATA_DIR_LOCKED, WAL_CORRUPT, SEGMENT_MISSING, WRONG_CLUSTER, UNSUPPORTED_VERSION, DISK_FAILED.
   */
  static async open(options: NodeOptions): Promise<Node> {
    checkPeers(options.peers);
    const quorums = quorumsOf(options.peers.length, options.quorum);
    const events = new EventLog(() => options.clock.wallMs());
    const replica = await Replica.open({
      ...options,
      voterCount: quorums.voterCount,
      onEvent: (event) => {
        events.note(event);
        options.onEvent?.(event);
      },
    });
    try {
      checkConfig(replica, options.peers, quorums.quorum);
    } catch (error) {
      await replica.close();
      throw error;
    }
    const { peers } = options;
    const membership = new Membership(replica, { peers, quorum: quorums.quorum });
    const node = new Node(options, { replica, membership, events });
    await node.#snapshotter.open();
    replica.loader.onLoaded(() => {
      node.#snapshotter.open().catch((error: unknown) => {
        if (isWalshipError(error)) replica.fail(error);
      });
    });
    node.#start();
    return node;
  }

  get contract(): readonly string[] {
    const { peers, quorums } = this.#membership;
    const votes = peers.some(({ nodeId }) => nodeId === this.nodeId);
    // A blank voter of a cluster that exists has heard of commits.
    const { meta, committedLsn } = this.#replica;
    const blank = votes && meta.current.state === 'blank' && committedLsn === 0;
    return [...contractOf(quorums, { blank }), ...(votes ? [] : [learnerLine(this.nodeId)])];
  }

  writeRefusal(): WalshipError | undefined {
    return this.#writes === undefined ? this.#noLeader() : undefined;
  }

  write(request: WriteRequest): Promise<WriteResult> {
    if (this.#writes === undefined) return Promise.reject(this.#noLeader());
    return this.#writes.write(request);
  }

  async read(request: ReadRequest): Promise<ReadResult> {
    if (request.level === 'local') return this.#reads.read(request);
    const { leader } = this.#roleDriver;
    if (leader === undefined) throw this.#noLeader();
    return this.#reads.read(request, leader);
  }

  scan(request: ScanRequest): Promise<ScanResult> {
    return this.#reads.scan(request);
  }

  watch(request: WatchRequest): AsyncIterable<WatchEvent> {
    return watch(this.#replica, request);
  }

  async wait(request: WaitRequest): Promise<Version> {
    await this.#reads.wait(request);
    return request.version;
  }

  status(): NodeStatus {
    const { clock } = this.#options;
    return statusOf({
      replica: this.#replica,
      roleDriver: this.#roleDriver,
      snapshotter: this.#snapshotter,
      scrubber: this.#scrubber,
      peers: this.#membership.peers,
      quorums: this.#membership.quorums,
      contract: this.contract,
      failover: this.#options.failover ?? 'manual',
      counters: this.#events.counts,
      bounds: this.bounds,
      uncommittedBytes: this.#writes?.uncommittedBytes ?? 0,
      commitWaitMs: this.#writes?.commitWaitMs ?? 0,
      uptimeMs: clock.nowMs() - this.#startedMs,
    });
  }

  snapshot(): Promise<SnapshotResult> {
    return this.#snapshotter.take();
  }

  events({ after, limit }: { readonly after: number; readonly limit: number }): EventPage {
    return this.#events.after(after, limit);
  }

  accept(link: Link): void {
    this.#peerServer.accept(link);
  }

  promote(): Promise<PromoteResult> {
    return this.#events.watch('promote', promote(this.#roleDriver, this.#options.clock));
  }

  switchover(request: SwitchoverRequest): Promise<SwitchoverResult> {
    const { leader } = this.#roleDriver;
    const writes = this.#writes;
    if (leader === undefined || writes === undefined) return Promise.reject(this.#noLeader());
    if (this.#switchover?.over === false) {
      return Promise.reject(new WalshipError('BUSY', 'another switchover is in progress'));
    }
    const { clock } = this.#options;
    try {
      const parts = {
        replica: this.#replica,
        clock,
        roleDriver: this.#roleDriver,
        leader,
        writes,
        request,
      };
      this.#switchover = new Switchover(parts);
      return this.#events.watch('switchover', this.#switchover.result);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  failover(request: FailoverRequest): Promise<FailoverResult> {
    return failover(this.#parts, request);
  }

  rejoin(request: RejoinRequest): Promise<RejoinResult> {
    return rejoin(this.#parts, request);
  }

  get #parts(): RejoinParts & FailoverParts {
    const { clock } = this.#options;
    const onEvent = (event: NodeEvent): void => this.#noteEvent(event);
    return {
      roleDriver: this.#roleDriver,
      replica: this.#replica,
      membership: this.#membership,
      clock,
      onEvent,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelTick();
    const error = new WalshipError('NODE_CLOSED', 'the node is shutting down');
    this.#roleDriver.close(error.message);
    this.#peerServer.close();
    this.#reads.fail(error);
    await this.#running;
    await this.#snapshotter.close();
    await this.#scrubber.close();
    await this.#replica.close();
    this.#settle.stop();
  }

  #noteEvent(event: NodeEvent): void {
    this.#events.note(event);
    this.#options.onEvent?.(event);
  }

  #start(): void {
    this.#scrubber.start();
    this.#running = this.#roleDriver.run().catch((error: unknown) => {
      this.#replica.fail(
        isWalshipError(error)
          ? error
          : new WalshipError('DISK_FAILED', 'the node stopped', { cause: error }),
      );
    });
    this.#tickLater();
  }

  #tickLater(): void {
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => {
      this.#roleDriver.tick();
      this.#snapshotter.tick();
      this.#diskWatch.tick();
      this.#switchover?.step();
      this.#writes?.tick();
      this.#reads.expire();
      this.bounds.look();
      this.#tickLater();
    });
  }

  #listen(): void {
    const replica = this.#replica;
    replica.log.onDurable(() => {
      this.#writes?.durableMoved();
      this.#reads.moved();
    });
    replica.log.onFailed((error) => replica.fail(error));
    replica.onCommitted((lsn) => {
      this.#applyLag.committed(lsn);
      this.#writes?.committedMoved();
      this.#switchover?.step();
      this.#reads.moved();
    });
    replica.onApplied((lsn) => {
      this.#applyLag.applied(lsn);
      this.#snapshotter.applied();
      this.#writes?.appliedMoved();
      this.#reads.moved();
    });
    replica.onFailed((error) => this.#failed(error));
  }

  /** Handles a failed disk, which is final: nothing is acknowledged from now on, and the process has to end. */
  #failed(error: WalshipError): void {
    this.#writes?.end('DISK_FAILED', error.message);
    this.#settle.fail(error);
    this.close().catch(() => undefined);
  }

  #leading(leader: Leader, inherited: Overlay): void {
    const { clock, uncommittedBytesMax = UNCOMMITTED_BYTES_MAX_DEFAULT } = this.#options;
    const { quorum, voterCount } = this.#membership.quorums;
    this.#snapshotter.partial.superseded();
    this.#writes = new WritePath({
      replica: this.#replica,
      leader,
      inherited,
      clock,
      quorum,
      voterCount,
      uncommittedBytesMax,
    });
  }

  #leaderEnded(code: string, message: string): void {
    const why = code === 'NODE_CLOSED' ? 'NODE_CLOSED' : 'STALE_EPOCH';
    this.#switchover?.deposed(code, message);
    this.#writes?.end(why, message);
    this.#writes = undefined;
  }
}
