import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode, Outcome } from '../errors.ts';
import type { AckLevel, NodeApi } from '../node/api/api.ts';
import type { Turns } from '../ports/turns.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { EventLoopDelay } from './event-loop-delay.ts';
import type { Target } from './target.ts';
import type { Query } from './query.ts';

/** One request, with all that is needed to answer it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  /** Raw path after the `*` of the route. */
  readonly tail: string;
  readonly query: Query;
  readonly node: NodeApi;
  /** Signal that aborts when the client is gone or the server closes. */
  readonly signal: AbortSignal;
  readonly shared: SharedState;
}

/** State shared by the requests of one server. */
export interface SharedState {
  readonly bodies: ByteBudget;
  /** Bytes of values and pages on their way. */
  readonly unread: ByteBudget;
  watchers: number;
  /** Turns of the event loop for long work on requests. */
  readonly turns: Turns;
  /** Counts of answers by route and status, with their durations. */
  readonly answers: AnswerCounts;
  readonly delay: EventLoopDelay;
}

export interface AnswerCounts {
  count(route: string, status: number, seconds: number): void;
  /** Counts an acknowledged write. */
  wrote(ack: AckLevel, seconds: number): void;
  /** Counts a write that was answered with an error. */
  failed(outcome: Outcome, code: ErrorCode): void;
}
