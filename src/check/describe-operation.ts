import { formatVersion } from '../wal/format/position.ts';
import type { Expectation, Operation } from './history.ts';

/** Length at which values are cut for display. */
const VALUE_LENGTH_MAX = 40;

/** Describes one operation on one line: client, time, request and outcome. */
export function describeOperation({ client, calledAt, returnedAt, ...rest }: Operation): string {
  const end = returnedAt === Number.POSITIVE_INFINITY ? 'later' : `${returnedAt.toFixed(3)} ms`;
  return `${client} from ${calledAt.toFixed(3)} to ${end}: ${asked(rest.request)}: ${became(rest.outcome)}`;
}

function asked(request: Operation['request']): string {
  switch (request.kind) {
    case 'get':
      return 'get';
    case 'put':
      return `put ${quote(request.value)}${condition(request.expect)}`;
    case 'delete':
      return `delete${condition(request.expect)}`;
    default:
      return `a transaction${condition(request.expect)}`;
  }
}

function condition(expect: Expectation | undefined): string {
  if (expect === undefined) return '';
  return typeof expect === 'object' ? ` if at ${formatVersion(expect)}` : ` if ${expect}`;
}

function became(outcome: Operation['outcome']): string {
  switch (outcome.kind) {
    case 'acknowledged':
    case 'indeterminate': {
      const { kind, version } = outcome;
      return version === undefined ? kind : `${kind} as ${formatVersion(version)}`;
    }
    case 'rejected':
      return 'rejected';
    case 'condition-failed':
      return outcome.actual === undefined
        ? 'the condition failed'
        : `the condition failed, it was ${outcome.actual === null ? 'absent' : `at ${formatVersion(outcome.actual)}`}`;
    default:
      if (outcome.found === undefined) return 'nothing';
      return outcome.found.version === undefined
        ? quote(outcome.found.value)
        : `${quote(outcome.found.value)} at ${formatVersion(outcome.found.version)}`;
  }
}

function quote(value: string): string {
  const text = value.length > VALUE_LENGTH_MAX ? `${value.slice(0, VALUE_LENGTH_MAX)}…` : value;
  return JSON.stringify(text);
}
