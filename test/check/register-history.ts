import type { Expectation, Operation, OperationOutcome } from '../../src/check/history.ts';
import { parseVersion } from '../../src/wal/format/position.ts';
import type { Version } from '../../src/wal/format/position.ts';

/** From call to return. */
export type Span = readonly [number, number];

export function version(text: string): Version {
  const parsed = parseVersion(text);
  if (parsed === undefined) throw new RangeError(`no version: ${text}`);
  return parsed;
}

function expectation(text: string | undefined): Expectation | undefined {
  if (text === undefined || text === 'absent' || text === 'present') return text;
  return version(text);
}

/** Outcomes by name; a version makes it acknowledged, with a question mark behind it indeterminate. */
function outcomeOf(text: string): OperationOutcome {
  if (text === 'rejected') return { kind: 'rejected' };
  if (text === '?') return { kind: 'indeterminate', version: undefined };
  if (text === 'ok') return { kind: 'acknowledged', version: undefined };
  if (text.endsWith('?')) return { kind: 'indeterminate', version: version(text.slice(0, -1)) };
  if (!text.startsWith('failed')) return { kind: 'acknowledged', version: version(text) };
  const actual = text.slice('failed'.length).trim();
  if (actual === '') return { kind: 'condition-failed', actual: undefined };
  return { kind: 'condition-failed', actual: actual === 'absent' ? null : version(actual) };
}

const common = ([calledAt, returnedAt]: Span): Pick<
  Operation,
  'client' | 'key' | 'calledAt' | 'returnedAt'
> => ({ client: 'c', key: 'k', calledAt, returnedAt });

export function put(span: Span, value: string, outcome: string, expect?: string): Operation {
  const request = { kind: 'put' as const, value, expect: expectation(expect) };
  return { ...common(span), request, outcome: outcomeOf(outcome) };
}

export function del(span: Span, outcome: string, expect?: string): Operation {
  const request = { kind: 'delete' as const, expect: expectation(expect) };
  return { ...common(span), request, outcome: outcomeOf(outcome) };
}

/** @param shown `value`, or `value@1.2`; undefined: nothing. */
export function get(span: Span, shown?: string): Operation {
  const [value, at] = shown?.split('@') ?? [];
  const found =
    value === undefined
      ? undefined
      : { value, version: at === undefined ? undefined : version(at) };
  return { ...common(span), request: { kind: 'get' }, outcome: { kind: 'shown', found } };
}

export function check(span: Span, expect: string, outcome: string): Operation {
  const request = { kind: 'check' as const, expect: expectation(expect) ?? 'present' };
  return { ...common(span), request, outcome: outcomeOf(outcome) };
}
