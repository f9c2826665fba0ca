import { setMaxListeners } from 'node:events';
import type { Link } from '../../ports/link.ts';
import { isWalshipError } from '../../errors.ts';
import type { FollowerSession } from '../../follower/follower.ts';
import type { Leader } from '../../leader/leader.ts';
import { encodeMessage } from '../../protocol/codec.ts';
import type { Ask, AskReply, Hello } from '../../protocol/messages.ts';
import { TickTimer } from '../../ports/tick-timer.ts';
import { leftMetaAsItWas } from '../../wal/files/meta.ts';
import type { Version } from '../../wal/format/position.ts';
import type { LeadershipReport, Role } from '../api/api.ts';
import { becomeIntactAtBirth, beginLeading, newLeader } from '../election/begin-leading.ts';
import type { NewLeadership, WonAttempt } from '../election/begin-leading.ts';
import { type AttemptResult, type AttemptOptions, itsTurn, stand } from '../election/attempt.ts';
import { PendingRejoin } from './pending-rejoin.ts';
import type { RoleOptions } from '../election/role-options.ts';
import { answerCandidate } from '../election/doubtful-candidate.ts';
import { LastSeen } from './last-seen.ts';
import { LeaderSearch } from './leader-search.ts';
import type { LeaderLiveness } from '../rules/judge-ask.ts';
import { notLeader } from './not-leader.ts';
import { ask, QUESTIONS_MAX } from '../cluster/peers.ts';
import type { Peer } from '../cluster/peers.ts';
import { PATIENT_FAILURES, RetryPause } from '../election/retry-pause.ts';
import { AttemptQueue } from '../election/attempt-queue.ts';
import { Voter } from '../election/voter.ts';

/**
 * Main loop of a node: looks for a leader and follows it; where there is none and it is this node's turn, stands;
 * once elected, leads until that ends. One thing at a time.
 */
export class RoleDriver {
  readonly voter: Voter;
  readonly #options: RoleOptions;
  readonly #search: LeaderSearch;
  readonly #attempts = new AttemptQueue((operator) => this.#standOnce(operator));
  readonly #rejoin: PendingRejoin;
  readonly #lastSeen = new LastSeen();
  /** Aborts when this node ends, and with it all waits for peers. */
  readonly #end = new AbortController();
  #leader: Leader | undefined;
  #leading: Promise<void> | undefined;
  #standPending: boolean;
  /** True once the trigger has fired. */
  #standDue = false;
  /** True while a search for a leader is due before the next attempt: until it has ended, the trigger waits. */
  #looksFirst = false;
  /** Time since this node last led, or promised another to follow. */
  readonly #quiet = new TickTimer();
  #report: LeadershipReport | null = null;
  /** Time when this node last led, on the monotonic clock. */
  #ledMs: number | undefined;
  #failures = 0;
  readonly #pause: RetryPause;

  constructor(options: RoleOptions) {
    const { replica, clock, run, membership, onEvent } = options;
    this.#options = options;
    setMaxListeners(QUESTIONS_MAX, this.#end.signal);
    this.#rejoin = new PendingRejoin(clock);
    this.#pause = new RetryPause(clock, options.entropy);
    this.voter = new Voter({
      replica,
      clock,
      run,
      membership,
      onEvent,
      onPromised: (candidate) => this.#promised(candidate),
      liveness: () => this.#liveness(),
    });
    this.#search = new LeaderSearch(options, {
      mayFollow: () => this.#mayFollow(),
      met: () => {
        this.#standPending = false;
        this.#rejoin.met();
      },
      // An operator asked for it, at the leader.
      takeOver: async () => {
        const result = await this.stand(true);
        return result.kind === 'lost' ? result : undefined;
      },
      leaves: () => this.#rejoin.targets,
    });
    this.#standPending = itsTurn(replica, options.initialLeader);
    replica.onFenced((fence) => this.#fenced(fence));
    replica.log.onDurable(() => {
      this.#leader?.durableMoved();
      replica.durableMoved();
    });
  }

  get role(): Role {
    if (this.#end.signal.aborted) return 'stopped';
    if (this.#leader !== undefined) return 'leader';
    return this.#attempts.active ? 'candidate' : 'follower';
  }

  get leader(): Leader | undefined {
    return this.#leader;
  }

  get session(): FollowerSession | undefined {
    return this.#search.session;
  }

  /** Progress of the search for a leader. */
  get search(): Pick<LeaderSearch, 'refusals' | 'copying' | 'followWaits'> {
    return this.#search;
  }

  /** Leader, as far as this node knows. */
  get knownLeader(): Peer | undefined {
    if (this.#leader !== undefined) return this.#self;
    return this.session === undefined ? undefined : this.#search.leader;
  }

  /** Last known position of each voter, from when this node led and heard from it. */
  get lastSeen(): ReadonlyMap<string, Version> {
    if (this.#leader !== undefined) this.#lastSeen.note(this.#leader);
    return this.#lastSeen.positions;
  }

  /** True if this node is named among the voters; a learner never leads. */
  get isVoter(): boolean {
    return this.#self !== undefined;
  }

  /** Returns true if that node is a voter. */
  votes(nodeId: string): boolean {
    return this.#options.membership.peers.some((peer) => peer.nodeId === nodeId);
  }

  /** Report of how the leadership of this node came about; null while it does not lead. */
  get leadership(): LeadershipReport | null {
    return this.#leader === undefined ? null : this.#report;
  }

  get #self(): Peer | undefined {
    return this.#options.membership.peers.find(
      ({ nodeId }) => nodeId === this.#options.replica.nodeId,
    );
  }

  /** Runs until `close`, or until the disk fails. */
  async run(): Promise<void> {
    const { replica } = this.#options;
    while (!this.#end.signal.aborted && replica.failure === undefined) {
      // An attempt that is due does not wait for unresponsive peers.
      const followed = this.#standDue ? false : await this.#search.follow();
      this.#looksFirst = false;
      await this.#attempts.idle();
      if (this.#leading !== undefined) await this.#leading;
      if (followed) {
        // Asked again immediately, the leader would send the same bytes in vain, many times a second.
        this.#failures = this.#search.endedInVain ? PATIENT_FAILURES : 0;
      } else if (this.#mayStand()) {
        this.#standDue = false;
        this.#looksFirst = true;
        const result = await this.stand(false);
        if (result.kind === 'won') await this.#leading;
        else this.#lost(result);
      }
      const expecting = this.#search.expected !== undefined;
      if (!this.#isOver()) await this.#pause.wait(this.#failures, expecting);
    }
  }

  /** Tries to lead. An operator's request is not answered by an attempt that this node made on its own. */
  stand(operator: boolean): Promise<AttemptResult> {
    return this.#attempts.stand(operator);
  }

  /** Runs another kind of attempt, which ends by standing; no other attempt runs beside it. */
  force(
    attempt: (stand: () => Promise<AttemptResult>) => Promise<AttemptResult>,
  ): Promise<AttemptResult> {
    const stand = (): Promise<AttemptResult> => {
      this.#standPending = true;
      return this.#standOnce(true);
    };
    return this.#attempts.force(() => attempt(stand));
  }

  /**
   * Leaves its history for that of a leader among `targets`: resolves with true once it follows one, with false after
   * `timeoutMs`.
   */
  async leave(targets: readonly Peer[], timeoutMs: number): Promise<boolean> {
    const left = this.#rejoin.request(targets, timeoutMs);
    const message = 'an operator takes this node to another history';
    this.#standDue = false;
    this.#leader?.end({ code: 'REJOIN', message });
    this.#search.leave(message);
    this.#pause.cancel();
    return left;
  }

  tick(): void {
    this.#leader?.tick();
    this.#search.tick();
    this.#quiet.tick();
    if (this.#leader !== undefined) this.#quiet.reset();
    const { replica, trigger } = this.#options;
    // Only an intact voter may lead.
    const apt = this.isVoter && replica.state === 'intact' && this.session === undefined;
    if (!apt || this.#looksFirst || this.#rejoin.targets !== undefined) return;
    if (!trigger.tick(Math.min(this.#quiet.ms, this.#search.silentMs))) return;
    this.#standDue = true;
    this.#search.interrupt();
    this.#pause.cancel();
  }

  /** Answers a candidate. */
  answer(question: Ask): Promise<AskReply> {
    return answerCandidate(question, this.voter, { ...this.#options, signal: this.#end.signal });
  }

  /** Answers a hello: as the leader, or with the name of the leader. */
  async hello(link: Link, hello: Hello): Promise<void> {
    if (this.#leader !== undefined) return this.#leader.accept(link, hello);
    const answer = notLeader(this.#options.replica, this.knownLeader);
    link.send(encodeMessage(answer), () => link.close('NOT_LEADER'));
  }

  /** Ends the loop; idempotent. */
  close(reason: string): void {
    this.#end.abort();
    this.#rejoin.end();
    this.#leader?.end({ code: 'NODE_CLOSED', message: reason });
    this.#search.close(reason);
    this.#pause.cancel();
  }

  /**
   * Returns true if this node may stand on its own: its turn has come, or the trigger has fired, and no other node
   * that has its promise may be about to lead.
   */
  #mayStand(): boolean {
    const wants = this.#standDue || this.#standPending;
    const waits = this.#search.expected !== undefined || this.#rejoin.targets !== undefined;
    return wants && this.isVoter && !this.#isOver() && !waits;
  }

  #promised(candidate: string): void {
    if (candidate === this.#options.replica.nodeId) return;
    this.#quiet.reset();
    this.#standDue = false;
    this.#search.expect(candidate);
    this.#pause.cancel();
  }

  #mayFollow(): boolean {
    return !this.#isOver() && !this.#attempts.active && this.#leader === undefined;
  }

  #isOver(): boolean {
    return this.#end.signal.aborted || this.#options.replica.failure !== undefined;
  }

  #liveness(): LeaderLiveness {
    const { silenceMs } = this.#options;
    const { heardMs, silentMs } = this.#search;
    return {
      heardLeaderRecently: heardMs !== undefined && silentMs < silenceMs,
      leaderId: this.knownLeader?.nodeId ?? null,
      justStarted: heardMs === undefined && silentMs < silenceMs,
      leading: this.#leader !== undefined,
    };
  }

  #fenced(fence: number): void {
    if (this.#leader !== undefined && this.#leader.epoch < fence) {
      this.#leader.end({ code: 'STALE_EPOCH', message: `epoch ${fence} is promised` });
    }
    this.#search.fenced(fence);
  }

  async #standOnce(operator: boolean): Promise<AttemptResult> {
    try {
      return await this.#standTo(operator);
    } catch (error) {
      // Without space for a promise or an EPOCH record this node leads nobody; it may still follow, and try again
      // later.
      if (!leftMetaAsItWas(error)) throw error;
      return { kind: 'lost', code: error.code, message: error.message, answers: [] };
    }
  }

  async #standTo(operator: boolean): Promise<AttemptResult> {
    const { replica, onEvent } = this.#options;
    const result = await stand(this.attemptOptions(operator));
    if (result.kind !== 'won') {
      if (result.lostData !== undefined) await this.#lostData(result.lostData, result.message);
      return result;
    }
    // The session that was followed, if any, has ended with the fence; its last write has too.
    const begun = await beginLeading(this.#options, result, {
      isOver: () => this.#isOver(),
      lead: (parts) => this.#lead(result, parts),
    });
    if (!begun) {
      const message = `epoch ${replica.fence} was promised meanwhile`;
      return { kind: 'lost', code: 'STALE_EPOCH', message, answers: [] };
    }
    onEvent({
      level: 'info',
      code: 'LEADING',
      message: `leading epoch ${result.epoch}: promises from ${result.promisedBy.join(', ')}`,
      ...this.#report,
    });
    return result;
  }

  /** Inputs for an election attempt by this node. */
  attemptOptions(operator: boolean): AttemptOptions {
    const { replica, run, clock, entropy, dialer, membership } = this.#options;
    const { peers, quorums, configHash } = membership;
    const { signal } = this.#end;
    return {
      replica,
      run,
      clock,
      entropy,
      voter: this.voter,
      voters: peers,
      quorum: quorums.quorum,
      configHash,
      operator,
      ask: (peer, question) => ask({ dialer, clock, signal }, peer, question),
    };
  }

  #lead(won: WonAttempt, begun: NewLeadership): void {
    const { replica, onLeading } = this.#options;
    let over!: () => void;
    this.#leading = new Promise((resolve) => {
      over = resolve;
    });
    const leader = newLeader(this.#options, {
      won,
      begun,
      ended: (reason) => void this.#ended(reason).finally(over),
    });
    this.#leader = leader;
    this.#report = this.#reportOn(won);
    this.#standPending = true;
    replica.setMatched(Number.MAX_SAFE_INTEGER);
    onLeading(leader, begun.inherited);
    becomeIntactAtBirth(this.#options, leader).catch((error: unknown) => this.#failed(error));
  }

  #reportOn({
    epoch,
    how,
    promisedBy,
    vouchedBy,
    position,
    unheard,
  }: WonAttempt): LeadershipReport {
    const { clock } = this.#options;
    const { heardMs } = this.#search;
    const lastMs = Math.max(heardMs ?? -Infinity, this.#ledMs ?? -Infinity);
    return {
      epoch,
      how,
      promisedBy,
      vouchedBy,
      after: { epoch: position.epoch, lsn: position.lsn },
      atRisk: unheard.length === 0 ? null : { fromLsn: position.lsn + 1, heldBy: unheard },
      outageMs: Number.isFinite(lastMs) ? Math.round(clock.nowMs() - lastMs) : null,
    };
  }

  /**
   * Handles the end of a leadership. The first part runs in the turn in which it ended: nothing may be acknowledged
   * after it.
   */
  async #ended(reason: {
    code: string;
    message: string;
    lostData?: { epoch: number; lsn: number };
  }): Promise<void> {
    const { replica, onLeaderEnded, onEvent } = this.#options;
    if (this.#leader !== undefined) this.#lastSeen.note(this.#leader);
    this.#leader = undefined;
    this.#ledMs = this.#options.clock.nowMs();
    replica.log.stopLeading();
    replica.setMatched(replica.committedLsn);
    onLeaderEnded(reason.code, reason.message);
    onEvent({ level: 'warn', code: 'STEPPED_DOWN', message: reason.message, reason: reason.code });
    try {
      if (reason.lostData !== undefined) await this.#lostData(reason.lostData, reason.message);
      await replica.log.drained();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Makes this node suspect, first of all and in this very turn: any later promise is the promise of a suspect. */
  async #lostData({ epoch, lsn }: Version, message: string): Promise<void> {
    const { replica, onEvent } = this.#options;
    onEvent({ level: 'error', code: 'LEADER_LOST_DATA', message, epoch, lsn });
    await replica.updateMeta({ state: 'suspect', claim: { epoch, lsn } });
  }

  #failed(error: unknown): void {
    if (!isWalshipError(error)) throw error;
    if (error.code === 'NODE_CLOSED') return;
    this.#options.replica.fail(error);
  }

  #lost({ code, message, answers }: AttemptResult & { kind: 'lost' }): void {
    this.#failures += 1;
    // The failure comes often, and is the same each time: report it once, and then now and again.
    if (this.#failures % 20 !== 1) return;
    this.#options.onEvent({ level: 'warn', code, message: `cannot lead yet: ${message}`, answers });
  }
}
