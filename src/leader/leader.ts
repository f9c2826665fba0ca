import type { Link } from '../ports/link.ts';
import { WalshipError } from '../errors.ts';
import type { Hello } from '../protocol/messages.ts';
import type { Position } from '../wal/format/position.ts';
import { TickTimer } from '../ports/tick-timer.ts';
import { Waiters } from './waiters.ts';
import { differs, isProven } from './answer-hello.ts';
import type { HelloAnswer } from './answer-hello.ts';
import { commitLsn, votersNeeded } from './commit-rule.ts';
import { judgeHello, sendAnswer } from './leader-answers.ts';
import type { LeaderOptions } from './leader-options.ts';
import { Holds } from './holds.ts';
import { MendingVoters } from './mending.ts';
import { probeReached } from './probes.ts';
import { tellOffer } from './snapshot-sender.ts';
import { Session } from './session.ts';
import type { SessionOptions } from './session.ts';

/** Number of callers that may wait at one time for a proof that this node still leads. */
export const PROOF_WAITERS_MAX = 100_000;

/** Codes of session ends that were caused by a follower's message. */
const TOLD = ['CHAIN_MISMATCH', 'PROTOCOL_ERROR'] as const;

/**
 * One leadership: the followers in session, the commit LSN, and the proof that it still leads. Pure rules decide
 * (`answerHello`, `commitLsn`, `probeReached`); this class drives them.
 *
 * Invariant: after `end` nothing is committed, counted or acknowledged in this epoch by this node.
 */
export class Leader {
  readonly epoch: number;
  readonly #options: LeaderOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #impostors = new WeakSet<Session>();
  readonly holds: Holds;
  readonly #gone = new Map<string, Position>();
  readonly #mending = new MendingVoters<Session>();
  readonly #probeWaiters: Waiters;
  #probeNumber = 0;
  #probeSoon = false;
  #ended = false;
  /** Time since too few voters were heard. */
  readonly #alone = new TickTimer();

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.epoch = options.epoch;
    this.#probeWaiters = new Waiters(options.clock);
    this.holds = new Holds(options);
  }

  get ownEpochLsn(): number {
    return this.#options.ownEpochLsn;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  /** Last durable position of each voter whose session ended. */
  get gone(): ReadonlyMap<string, Position> {
    return this.#gone;
  }

  /** Number of voters that count right now, this node included: new writes are judged by it. */
  get countingVoters(): number {
    let count = this.#counts ? 1 : 0;
    for (const { counts } of this.#sessions.values()) if (counts) count += 1;
    return count;
  }

  /** Number of counting voters that the next commit needs. */
  get votersNeeded(): number {
    const { hooks, quorum, voters } = this.#options;
    return votersNeeded({ committed: hooks.committedLsn(), quorum, voterCount: voters.length });
  }

  get #counts(): boolean {
    return this.#options.hooks.state() === 'intact';
  }

  /** Returns the voters that are known to have fsynced everything up to `lsn`. */
  durableOn(lsn: number): readonly string[] {
    const { log, nodeId } = this.#options;
    const on = log.durable.lsn >= lsn ? [nodeId] : [];
    for (const session of this.#sessions.values()) {
      if (session.counts && session.durableLsn >= lsn) on.push(session.nodeId);
    }
    return on;
  }

  /**
   * Proves that this node still leads. Resolves when enough voters have answered a probe sent after this call: no
   * newer leadership had begun when the call was made. Never resolves before this leadership's own EPOCH record is
   * committed: until then a new leader does not know which records are (Raft, section 8).
   * @throws WalshipError NO_LEADER if leadership ends first, WAIT_TIMEOUT, BUSY.
   */
  prove(timeoutMs: number): Promise<void> {
    if (this.#probeWaiters.count >= PROOF_WAITERS_MAX) {
      const message = `${this.#probeWaiters.count} requests already wait for a proof of leadership`;
      return Promise.reject(new WalshipError('BUSY', message));
    }
    if (this.#ended) return Promise.reject(this.#lost());
    this.#probeNext();
    return this.#probeWaiters.wait({
      mark: this.#probeNumber + 1,
      timeoutMs,
      reached: () => undefined,
      expired: () =>
        new WalshipError(
          'WAIT_TIMEOUT',
          `too few voters confirmed the leadership in ${timeoutMs} ms`,
        ),
    });
  }

  /** Takes over a link whose first message was `hello`, and answers it. */
  async accept(link: Link, hello: Hello): Promise<void> {
    const { log, voters, silenceMs, hooks } = this.#options;
    const present = this.#sessions.get(hello.nodeId);
    const held = present !== undefined && !this.#impostors.has(present);
    if (held && present.run !== hello.run && present.silentMs < silenceMs) {
      const message = `another process is connected as ${hello.nodeId}`;
      this.#refuse(link, { code: 'DUPLICATE_NODE', message, blames: hello });
      return;
    }
    const answer = judgeHello(this.#options, hello);
    if (answer.kind === 'step-down') return this.#stepDown(link, hello, answer);
    if (answer.kind === 'refuse') {
      this.#refuse(link, { ...answer, ...(answer.alarm && { blames: hello }) });
      return;
    }
    const offer = answer.kind === 'snapshot' ? await hooks.offer() : undefined;
    const from = offer?.start ?? (await log.chainAt(answer.lsn));
    if (this.#ended) {
      link.close('STALE_EPOCH: this leadership is over');
      return;
    }
    // A purge during the await may have taken the log that the answer was judged by: the log is gone then, which is
    // no sign of damage.
    const startLsn = answer.kind === 'snapshot' ? offer?.start.lsn : answer.lsn;
    if (startLsn !== undefined && startLsn + 1 < log.firstLsn) return this.accept(link, hello);
    if (answer.kind === 'snapshot' && offer === undefined) {
      const message = `${answer.message}; no snapshot is available now`;
      this.#refuse(link, { code: answer.code, message });
      return;
    }
    if (from === undefined || differs(answer, hello, from)) {
      const message = `the logs differ at LSN ${answer.lsn}, where their histories agree`;
      this.#refuse(link, { code: 'CHAIN_MISMATCH', message, blames: hello });
      return;
    }
    // A hello ends that node's previous session, and all knowledge of its progress with it.
    this.#sessions.get(hello.nodeId)?.close('a newer session of the same node');
    if (offer === undefined) this.holds.reached(hello.nodeId, from.lsn);
    else this.holds.gave(hello.nodeId, offer);
    if (offer !== undefined) hooks.warn('SNAPSHOT', tellOffer(hello.nodeId, offer, answer.message));
    if (voters.includes(hello.nodeId)) link.keep?.();
    this.#open(link, hello, { from, offer, voter: voters.includes(hello.nodeId) });
    void sendAnswer(this.#options, link, {
      verdict: answer.kind,
      code: answer.code,
      message: answer.message,
      at: from,
    });
    this.#sessions.get(hello.nodeId)?.start();
  }

  /**
   * Steps down. A node with a large claim is first asked back at its own address: anybody who reaches the port can
   * claim anything.
   */
  async #stepDown(
    link: Link,
    hello: Hello,
    { why, code, message, claim }: HelloAnswer & { kind: 'step-down' },
  ): Promise<void> {
    const { hooks } = this.#options;
    if (claim !== undefined && !isProven(hello, claim, await hooks.identityAt(hello.nodeId))) {
      const doubt = `${message}; but the process at its address does not say so`;
      this.#refuse(link, { code: 'CLAIM_UNPROVEN', message: doubt, blames: hello });
      return;
    }
    link.close(`${code}: ${message}`);
    const lost = why === 'LEADER_LOST_DATA' ? { lostData: hello.last } : {};
    this.end({ code, message, ...lost });
  }

  #open(
    link: Link,
    hello: Hello,
    { from, offer, voter }: Pick<SessionOptions, 'from' | 'offer' | 'voter'>,
  ): void {
    const { log, clock, epoch, hooks } = this.#options;
    const session = new Session({
      link,
      log,
      clock,
      hello,
      epoch,
      voter,
      from,
      offer,
      committedLsn: () => hooks.committedLsn(),
      hooks: {
        progressed: (progressed) => this.#progressed(progressed),
        probed: () => this.#probed(),
        heard: ({ nodeId }) => this.holds.heard(nodeId),
        closed: (closed, reason) => this.#sessionClosed(closed, reason),
      },
    });
    this.#sessions.set(hello.nodeId, session);
    if (!voter) return;
    if (hello.state !== 'intact') this.#mend(session);
    this.#verify(session).catch((error: unknown) => session.close(String(error)));
  }

  /**
   * Confirms the process of a session. Acks and answers to probes count only from the process at the address where
   * promises are asked for: otherwise two processes could be one voter.
   */
  async #verify(session: Session): Promise<void> {
    const run = (await this.#options.hooks.identityAt(session.nodeId))?.run;
    if (this.#ended || this.#sessions.get(session.nodeId) !== session) return;
    if (run === session.run) {
      session.confirmIdentity();
      this.#probed();
    } else if (run !== undefined) {
      this.#impostors.add(session);
      const message = `another process than the connected one answers at the address of ${session.nodeId}`;
      this.#options.hooks.warn('DUPLICATE_NODE', message);
    }
  }

  #mend(session: Session): void {
    const { hello } = session;
    const { allConfirmed, epoch, attempt, nodeId, log } = this.#options;
    const { promise } = hello;
    const granted =
      allConfirmed &&
      promise.epoch === epoch &&
      promise.candidate === nodeId &&
      promise.attempt === attempt;
    if (!granted) this.#probeNext();
    const probe = granted ? undefined : this.#probeNumber + 1;
    this.#mending.add(session, { probe, lastLsn: log.last.lsn });
  }

  /** Sends a probe in a later turn, one for all callers of this turn. */
  #probeNext(): void {
    if (this.#probeSoon || this.#ended) return;
    this.#probeSoon = true;
    this.#options.clock.soon(() => {
      this.#probeSoon = false;
      if (this.#ended) return;
      this.#probeNumber += 1;
      for (const session of this.#sessions.values()) session.probe(this.#probeNumber);
      this.#probed();
    });
  }

  #probed(): void {
    if (this.#ended) return;
    const { proofVoters: needed, nodeId, hooks, log, ownEpochLsn } = this.#options;
    const voters = [{ nodeId, blank: hooks.state() === 'blank', number: this.#probeNumber }];
    for (const { voter, confirmed, nodeId: of, state, probedNumber } of this.#sessions.values()) {
      if (!voter || !confirmed) continue;
      voters.push({ nodeId: of, blank: state === 'blank', number: probedNumber });
    }
    if (hooks.committedLsn() >= ownEpochLsn) {
      this.#probeWaiters.reach(probeReached({ voters, needed }));
    }
    const ready = this.#mending.probed({ voters, needed, lastLsn: log.last.lsn });
    for (const session of ready) this.#offerIntact(session);
  }

  #offerIntact(session: Session): void {
    const target = this.#mending.targetOf(session);
    const { durable } = session;
    if (target === undefined || durable === undefined || durable.lsn < target) return;
    session.offerIntact(durable);
    if (session.state === 'intact') this.#mending.remove(session);
  }

  #progressed(session: Session): void {
    if (this.#ended) return;
    if (session.durable !== undefined) this.holds.reached(session.nodeId, session.durableLsn);
    this.#offerIntact(session);
    this.advance();
    this.#options.hooks.progressed();
  }

  /** Applies the commit rule again: more is durable somewhere, or another voter counts. */
  advance(): void {
    if (this.#ended) return;
    const { log, hooks, quorum, voters, ownEpochLsn } = this.#options;
    const committed = hooks.committedLsn();
    const next = commitLsn({
      quorum,
      voters,
      ownEpochLsn,
      committed,
      knowsCommit: committed > 0,
      leaderDurableLsn: this.#counts ? log.durable.lsn : 0,
      followers: this.sessions,
    });
    if (next <= committed) return;
    hooks.commit(next);
    for (const session of this.#sessions.values()) session.committedMoved();
    if (committed < ownEpochLsn) this.#probed();
  }

  /** Ships and commits after more of this node's own log became durable. */
  durableMoved(): void {
    if (this.#ended) return;
    for (const session of this.#sessions.values()) session.pump();
    this.advance();
  }

  /** Sends heartbeats, and checks silence and deadlines. Call it every few milliseconds. */
  tick(): void {
    if (this.#ended) return;
    const { clock, heartbeatMs, silenceMs } = this.#options;
    const nowMs = clock.nowMs();
    this.holds.tick();
    for (const session of this.sessions) {
      if (session.silentMs > silenceMs) session.close('silent for too long');
      else session.tick(heartbeatMs);
      if (!session.confirmed && session.voter && nowMs - session.sinceMs > silenceMs) {
        session.close('nobody, or another process, answers at its address');
      }
    }
    this.#probeWaiters.expire();
    // A node that came into session after the last probe has not answered it: the waiting callers need another probe.
    if (this.#probeWaiters.count > 0 || this.#mending.waiting) this.#probeNext();
    this.#watchSilence();
  }

  /** Steps down and falls silent where too few voters are heard: this leader could be deposed without knowing. */
  #watchSilence(): void {
    const { silenceMs, proofVoters } = this.#options;
    // A blank voter proves nothing, as in a probe. But a blank voter with a target to catch up to only needs time.
    const heard = this.sessions.filter(
      (session) =>
        session.voter &&
        session.silentMs <= silenceMs &&
        (session.state !== 'blank' || this.#mending.targetOf(session) !== undefined),
    ).length;
    if (heard + 1 >= proofVoters) {
      this.#alone.reset();
      return;
    }
    this.#alone.tick();
    if (this.#alone.ms > 2 * silenceMs) {
      const message = `answers from ${heard} other voters, and ${proofVoters - 1} are needed to lead`;
      this.end({ code: 'NO_QUORUM', message });
    }
  }

  /** Ends the leadership in this very turn; idempotent. */
  end(reason: { code: string; message: string; lostData?: Position }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#probeWaiters.fail(() => this.#lost());
    for (const session of this.sessions) session.close(`${reason.code}: ${reason.message}`);
    this.#mending.clear();
    this.#options.hooks.ended(reason);
  }

  #lost(): WalshipError {
    return new WalshipError('NO_LEADER', `the leadership of epoch ${this.epoch} is over`);
  }

  #sessionClosed(session: Session, reason: string): void {
    this.#mending.remove(session);
    // A learner may have another name in each run, and no decision depends on it.
    if (session.voter && session.durable !== undefined) {
      this.#gone.set(session.nodeId, session.durable);
    }
    if (this.#sessions.get(session.nodeId) === session) this.#sessions.delete(session.nodeId);
    if (session.snapshot !== undefined && reason.startsWith('SNAPSHOT_INVALID')) {
      this.#options.hooks.refused(session.snapshot.source.path);
    }
    const told = TOLD.find((code) => reason.startsWith(code));
    if (told === undefined) return;
    this.#options.hooks.fault({ code: told, message: reason, peer: session.nodeId });
  }

  #refuse(
    link: Link,
    {
      code,
      message,
      blames,
    }: { readonly code: string; readonly message: string; readonly blames?: Hello },
  ): void {
    if (blames !== undefined) this.#options.hooks.fault({ code, message, peer: blames.nodeId });
    const at = { epoch: 0, lsn: 0, chain: 0 };
    void sendAnswer(this.#options, link, { verdict: 'refuse', code, message, at }).then(() =>
      link.close(code),
    );
  }
}
