import type { Clock } from '../../ports/clock.ts';
import { WalshipError } from '../../errors.ts';
import type { Leader } from '../../leader/leader.ts';
import type { Session } from '../../leader/session.ts';
import type { SwitchoverRequest, SwitchoverResult } from '../api/api.ts';
import type { RoleDriver } from '../role/role-driver.ts';
import type { Replica } from '../replica/replica.ts';
import type { WritePath } from '../requests/write-path.ts';

export interface SwitchoverOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly roleDriver: RoleDriver;
  readonly leader: Leader;
  readonly writes: WritePath;
  readonly request: SwitchoverRequest;
}

/**
 * Phase of a switchover. `catching-up`: writes are paused and the target catches up. `told`: the target was asked to
 * stand. `deposed`: this node has promised and leads no longer.
 */
type Phase = 'catching-up' | 'told' | 'deposed';

/**
 * Planned change of leaders, on the side of the old leader:
 *
 *   pause writes  →  the target is durable at the end of the log, and that is committed  →  tell it to stand
 *   →  it stands by the ordinary rules; this node promises, and leads no longer  →  follow it
 *
 * Invariant: no write gets an LSN between the pause and the end. Until this node has promised it may resume at any time, because the new
 * leader's votes, not this driver, decide what counts; after its promise it never resumes.
 */
export class Switchover {
  readonly #options: SwitchoverOptions;
  readonly #session: Session;
  readonly #lastLsn: number;
  readonly #startMs: number;
  readonly result: Promise<SwitchoverResult>;
  #settle!: {
    readonly done: (result: SwitchoverResult) => void;
    readonly failed: (error: WalshipError) => void;
  };
  #phase: Phase = 'catching-up';
  #over = false;

  /** Pauses writes in this very turn. @throws WalshipError NOT_ELIGIBLE. */
  constructor(options: SwitchoverOptions) {
    const { leader, replica, clock, writes, request } = options;
    this.#options = options;
    this.#session = eligible(options);
    this.#lastLsn = replica.log.last.lsn;
    this.#startMs = clock.nowMs();
    this.result = new Promise((done, failed) => {
      this.#settle = { done, failed };
    });
    this.result.catch(() => undefined);
    writes.pause('switchover');
    if (leader.ended) this.deposed('STALE_EPOCH', `before ${request.to} was told`);
    this.step();
  }

  get over(): boolean {
    return this.#over;
  }

  /** Advances the switchover. Call it whenever a follower has progressed, and in every tick. */
  step(): void {
    if (this.#over) return;
    if (this.#phase === 'deposed') this.#meetSuccessor();
    else this.#prepare();
    if (!this.#over && this.#spentMs >= this.#options.request.timeoutMs) this.#late();
  }

  /** Notes the reason why this node leads no longer. */
  deposed(code: string, message: string): void {
    if (this.#over) return;
    const told = this.#phase === 'told';
    this.#phase = 'deposed';
    // Any other end of the leadership is unrelated to the target, unless the target was told: then it may lead.
    const failure = told ? 'SWITCHOVER_UNKNOWN' : 'SWITCHOVER_FAILED';
    if (code !== 'STALE_EPOCH') this.#fail(failure, message);
  }

  get #spentMs(): number {
    return this.#options.clock.nowMs() - this.#startMs;
  }

  #prepare(): void {
    const { leader, replica, request } = this.#options;
    const present = leader.sessions.find(({ nodeId }) => nodeId === request.to);
    if (this.#phase === 'told') {
      const { declined } = this.#session;
      if (declined !== undefined) {
        this.#resume(`${request.to} may not lead: ${declined.code}: ${declined.message}`);
      } else if (present !== undefined && present !== this.#session) {
        this.#resume(`${request.to} came back as a follower`);
      }
      return;
    }
    if (present !== this.#session) {
      this.#resume(`the session with ${request.to} ended while it was catching up`);
      return;
    }
    const { durable } = this.#session;
    // The commit is required as well: a write that has its LSN is then acknowledged here, and not left open by the
    // change.
    if (durable?.lsn !== this.#lastLsn || replica.committedLsn < this.#lastLsn) return;
    this.#phase = 'told';
    this.#session.handOver(durable);
  }

  #meetSuccessor(): void {
    const { roleDriver, replica, request } = this.#options;
    const successor = roleDriver.knownLeader?.nodeId;
    if (successor === undefined) return;
    const epoch = roleDriver.leader?.epoch ?? roleDriver.session?.epoch ?? 0;
    if (successor !== request.to) {
      this.#fail('SWITCHOVER_FAILED', `${successor} leads epoch ${epoch} instead`);
      return;
    }
    this.#over = true;
    this.#settle.done({
      from: replica.nodeId,
      to: request.to,
      epoch,
      lsn: this.#lastLsn,
      outageMs: Math.round(this.#spentMs),
    });
  }

  #late(): void {
    const { request } = this.#options;
    const { to, timeoutMs } = request;
    if (this.#phase === 'catching-up') {
      const durableLsn = this.#session.durableLsn;
      this.#resume(
        `${to} was durable up to LSN ${durableLsn}, expected ${this.#lastLsn}, after ${timeoutMs} ms`,
      );
    } else if (this.#phase === 'told') {
      // This node has promised nothing, so it keeps leading; it cannot know from here whether the target gets its
      // promises elsewhere.
      this.#options.writes.resume('switchover');
      const message = `${to} did not take over within ${timeoutMs} ms; this node still leads, and ${to} may still take over`;
      this.#fail('SWITCHOVER_UNKNOWN', message);
    } else {
      const message = `this node gave its promise, but ${to} did not answer as the leader within ${timeoutMs} ms: ${to} may lead`;
      this.#fail('SWITCHOVER_UNKNOWN', message);
    }
  }

  #resume(why: string): void {
    this.#options.writes.resume('switchover');
    this.#fail('SWITCHOVER_FAILED', `${why}; this node still leads`);
  }

  #fail(code: 'SWITCHOVER_FAILED' | 'SWITCHOVER_UNKNOWN', message: string): void {
    this.#over = true;
    const details = { phase: this.#phase, lsn: this.#lastLsn, outageMs: Math.round(this.#spentMs) };
    this.#settle.failed(new WalshipError(code, message, { details }));
  }
}

/** Returns the session of the target, where it may take over. */
function eligible({ leader, replica, roleDriver, request }: SwitchoverOptions): Session {
  const { to } = request;
  const no = (why: string): WalshipError => new WalshipError('NOT_ELIGIBLE', `${to} ${why}`);
  if (to === replica.nodeId) throw no('leads already');
  const session = leader.sessions.find(({ nodeId }) => nodeId === to);
  if (!roleDriver.votes(to)) {
    throw no(session === undefined ? 'is not one of the voters' : 'is a learner');
  }
  if (session === undefined) throw no('is not connected: it is down, cut off or refused');
  if (session.state !== 'intact') {
    throw no(`is ${session.state}: it may lack records, and takes over once it has refetched them`);
  }
  if (!session.counts) throw no('was not yet confirmed to be the process at its address');
  return session;
}
