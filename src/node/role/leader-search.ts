import { isUnwritableCode } from '../../ports/disk-errors.ts';
import type { Link } from '../../ports/link.ts';
import { isWalshipError } from '../../errors.ts';
import { FollowerSession } from '../../follower/follower.ts';
import type { SessionEnd } from '../../follower/session-end.ts';
import type { Hello } from '../../protocol/messages.ts';
import { HISTORY_ENTRIES_MAX, PROTOCOL_VERSION } from '../../protocol/messages.ts';
import { TickTimer, TICK_MS } from '../../ports/tick-timer.ts';
import { lowestCut } from '../../wal/snapshot/snapshot-shelf.ts';
import type { Reason } from '../api/api.ts';
import { FollowPause } from './follow-pause.ts';
import { followerHost } from './follower-host.ts';
import type { RoleOptions } from '../election/role-options.ts';
import { dialWithin } from '../cluster/peers.ts';
import type { Peer } from '../cluster/peers.ts';

/**
 * Codes that are not reported: a node that does not lead refuses everybody, and a session that this node ended itself
 * was refused by nobody.
 */
const UNTOLD: ReadonlySet<string> = new Set(['NOT_LEADER', 'NODE_CLOSED']);

const END_IN_VAIN: ReadonlySet<string> = new Set(['CHAIN_MISMATCH', 'WAL_CORRUPT']);

export interface SearchHooks {
  /** Returns true if nothing else keeps this node from following. */
  mayFollow(): boolean;
  /** Reports that a leader accepted this node. */
  met(): void;
  /** Asks this node to take over, for the leader; resolves with the reason why it did not, or with nothing. */
  takeOver(): Promise<{ readonly code: string; readonly message: string } | undefined>;
  /**
   * Returns the addresses to search for a leader of another history, while an operator wants this node to leave its
   * own.
   */
  leaves(): readonly Peer[] | undefined;
}

/**
 * Looks for a leader and follows it: one session at a time, the leader last heard of first, hints taken. A session that
 * ended is followed by another search, which is the caller's to begin.
 */
export class LeaderSearch {
  readonly #options: RoleOptions;
  readonly #hooks: SearchHooks;
  #session: FollowerSession | undefined;
  #leader: Peer | undefined;
  #heardMs: number | undefined;
  #silentMs = 0;
  #endedInVain = false;
  /** Aborts the waits of the search under way. */
  #search = new AbortController();
  #expected: { readonly peer: Peer; readonly silence: TickTimer } | undefined;
  readonly #refusals = new Map<string, string>();
  readonly #pause: FollowPause;

  constructor(options: RoleOptions, hooks: SearchHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#pause = new FollowPause(options.clock);
  }

  /** Session of a leader that accepted this node. */
  get session(): FollowerSession | undefined {
    return this.#session?.followed === true ? this.#session : undefined;
  }

  /** True while a leader sends its state to this node, which follows it after that. */
  get copying(): boolean {
    return this.#heard?.followed === false;
  }

  /** Leader that was last followed. */
  get leader(): Peer | undefined {
    return this.#leader;
  }

  /** Results of asking each voter the last time, for display. */
  get refusals(): readonly string[] {
    return [...this.#refusals].map(([nodeId, why]) => `${nodeId}: ${why}`);
  }

  /** Reason why this node did not take a leader's log or snapshot; undefined if it has followed since. */
  get followWaits(): Reason | undefined {
    return this.#pause.reason;
  }

  /** True if the last session ended for a reason that another one will hardly change. */
  get endedInVain(): boolean {
    return this.#endedInVain;
  }

  /** Time when a leader was last heard, on the monotonic clock. */
  get heardMs(): number | undefined {
    return this.#heard?.heardMs ?? this.#heardMs;
  }

  /** Session in which a leader is heard. */
  get #heard(): FollowerSession | undefined {
    return this.#session?.hearing === true ? this.#session : undefined;
  }

  /** Voter that this node promised to follow a short while ago, and that has not led yet. */
  get expected(): Peer | undefined {
    return this.#expected?.peer;
  }

  /**
   * Milliseconds without a leader, counted only while this node was able to hear one; since the start where none ever
   * was heard.
   */
  get silentMs(): number {
    return this.#heard?.silentMs ?? this.#silentMs;
  }

  /**
   * Asks the voters in turn, and follows the first that leads until that ends. Resolves with true if one was
   * followed.
   */
  async follow(): Promise<boolean> {
    const { membership, replica } = this.#options;
    const { signal } = (this.#search = new AbortController());
    const leaves = this.#hooks.leaves();
    const expected = leaves === undefined ? this.expected : undefined;
    if (expected === undefined && this.#pause.waits) return false;
    const others =
      expected === undefined
        ? (leaves ?? membership.peers).filter(({ nodeId }) => nodeId !== replica.nodeId)
        : [expected];
    const known = others.find(({ nodeId }) => nodeId === this.#leader?.nodeId);
    const queue =
      known === undefined || leaves !== undefined
        ? others
        : [known, ...others.filter((peer) => peer !== known)];
    const tried = new Set<string>();
    for (let peer = queue.shift(); peer !== undefined; peer = queue.shift()) {
      if (signal.aborted || !this.#hooks.mayFollow()) return false;
      if (tried.has(peer.nodeId)) continue;
      tried.add(peer.nodeId);
      const end = await this.#ask(peer, signal);
      this.#came(peer, end);
      if (end === undefined) continue;
      if (end.followed) return true;
      const hint = others.find(({ nodeId }) => nodeId === end.leader);
      if (hint !== undefined) queue.unshift(hint);
    }
    return false;
  }

  /** Keeps the result of asking a voter; a refusal is reported once, and again if it changes. */
  #came({ nodeId }: Peer, end: SessionEnd | undefined): void {
    const what = end === undefined ? 'not reached' : `${end.code} (${end.message})`;
    const isNew = this.#refusals.get(nodeId) !== what;
    this.#refusals.set(nodeId, what);
    if (end === undefined || end.followed) return;
    const waits = this.#pause.ended(nodeId, end);
    if (waits !== undefined) this.#options.onEvent({ level: 'warn', ...waits, peer: nodeId });
    if (waits !== undefined || UNTOLD.has(end.code) || !isNew) return;
    const message = `${nodeId} refuses this node as a follower: ${end.message}`;
    this.#options.onEvent({ level: 'warn', code: end.code, message, peer: nodeId });
  }

  tick(): void {
    this.#session?.tick();
    this.#silentMs = this.#heard?.silentMs ?? this.#silentMs + TICK_MS;
    this.#heardMs = this.heardMs;
    this.#expected?.silence.tick();
    if ((this.#expected?.silence.ms ?? 0) >= this.#options.silenceMs) this.#expected = undefined;
  }

  fenced(fence: number): void {
    this.#session?.fenced(fence);
  }

  /** Ends the current session, if any. */
  leave(reason: string): void {
    this.#session?.close(reason);
  }

  close(reason: string): void {
    this.#search.abort();
    this.#session?.close(reason);
  }

  /** Ends the search under way, in favour of something better; a followed leader is not left. */
  interrupt(): void {
    if (this.session !== undefined) return;
    this.#search.abort();
    this.#session?.close('not needed any more');
  }

  /**
   * Expects that voter to lead, because this node promised to follow it: for a while no other is searched for, least
   * of all one that does not answer.
   */
  expect(nodeId: string): void {
    const peer = this.#options.membership.peers.find((candidate) => candidate.nodeId === nodeId);
    if (peer === undefined || nodeId === this.#options.replica.nodeId) return;
    this.#expected = { peer, silence: new TickTimer() };
    this.interrupt();
  }

  async #ask(peer: Peer, signal: AbortSignal): Promise<SessionEnd | undefined> {
    const link = await this.#dial(peer, signal);
    if (link === undefined) return undefined;
    const { disk, dir } = this.#options.replica.place;
    const { firstLsn, durable } = this.#options.replica.log;
    const lowestCutLsn = await lowestCut(disk, dir, { firstLsn, elseLsn: durable.lsn });
    if (signal.aborted || !this.#hooks.mayFollow()) {
      link.close('not needed any more');
      return undefined;
    }
    const { silenceMs, replica, onEvent } = this.#options;
    const host = followerHost(this.#options, {
      following: (leader, epoch) => this.#following({ ...peer, nodeId: leader }, epoch),
      leaves: () => this.#hooks.leaves() !== undefined,
      takeOver: () => this.#hooks.takeOver(),
    });
    const session = new FollowerSession(host, link, silenceMs);
    this.#session = session;
    const end = await session.run(this.#hello(lowestCutLsn));
    this.#session = undefined;
    this.#endedInVain = END_IN_VAIN.has(end.code) || isUnwritableCode(end.code);
    if (end.followed) {
      this.#heardMs = session.heardMs;
      this.#silentMs = session.silentMs;
      const wanted = replica.fence > session.epoch || end.code === 'NODE_CLOSED';
      const level = wanted ? 'info' : 'warn';
      const message = `stopped following ${end.leader ?? 'a leader'}: ${end.message}`;
      onEvent({ level, code: end.code, message });
    }
    return end;
  }

  #following(leader: Peer, epoch: number): void {
    const { membership, onEvent } = this.#options;
    membership.learn(leader);
    this.#leader = leader;
    this.#expected = undefined;
    this.#pause.follows();
    this.#hooks.met();
    const { nodeId } = leader;
    const message = `following ${nodeId} in epoch ${epoch}`;
    onEvent({ level: 'info', code: 'FOLLOWING', message, leader: nodeId, epoch });
  }

  async #dial({ address }: Peer, signal: AbortSignal): Promise<Link | undefined> {
    try {
      const { dialer, clock } = this.#options;
      return await dialWithin({ dialer, clock, signal }, address);
    } catch (error) {
      if (isWalshipError(error, 'PEER_UNREACHABLE')) return undefined;
      throw error;
    }
  }

  #hello(lowestCutLsn: number): Hello {
    const { replica, run, membership } = this.#options;
    const { clusterId, historyId, promise, state, discarding } = replica.meta.current;
    const { epochs } = replica.log;
    return {
      kind: 'hello',
      protocol: PROTOCOL_VERSION,
      clusterId,
      historyId,
      nodeId: replica.nodeId,
      run,
      epochs: epochs.slice(-HISTORY_ENTRIES_MAX),
      epochsBefore: Math.max(0, epochs.length - HISTORY_ENTRIES_MAX),
      last: replica.log.durable,
      commitLsn: Math.min(replica.committedLsn, replica.log.durable.lsn),
      lowestCutLsn,
      promise,
      state,
      configHash: membership.configHash,
      discard: discarding || this.#hooks.leaves() !== undefined,
    };
  }
}
