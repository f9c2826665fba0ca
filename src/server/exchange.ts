import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode, Outcome } from '../errors.ts';
import type { AckLevel, NodeApi } from '../node/api/api.ts';
import type { Turns } from '../ports/turns.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { EventLoopDelay } from './event-loop-delay.ts';
import type { Target } from './target.ts';
import type { Query } from './query.ts';

/** One request and what answering it takes. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  /** The raw path behind the `*` of the route. */
  readonly tail: string;
  readonly query: Query;
  readonly node: NodeApi;
  /** Aborts when the client is gone or the server closes. */
  readonly signal: AbortSignal;
  readonly shared: SharedState;
}

/** What the requests of one server have in common. */
export interface SharedState {
  readonly bodies: ByteBudget;
  /** Values and pages on their way. */
  readonly unread: ByteBudget;
  watchers: number;
  /** Long work on requests goes by turns. */
  readonly turns: Turns;
  /** Answers by route and status, and the seconds they took. */
  readonly answers: AnswerCounts;
  readonly delay: EventLoopDelay;
}

export interface AnswerCounts {
  count(route: string, status: number, seconds: number): void;
  /** A write was acknowledged. */
  wrote(ack: AckLevel, seconds: number): void;
  /** A write was answered with an error. */
  failed(outcome: Outcome, code: ErrorCode): void;
}
