import type { Written } from '../client/api.ts';
import { parseVersion } from '../wal/format/position.ts';

/** Formats the answer to a write, for display or as the JSON of the HTTP interface. */
export function formatWritten(
  { version, durableOn }: Written,
  { ack, json }: { readonly ack: string; readonly json: boolean },
): string {
  if (json) {
    return `${JSON.stringify({ version, ...parseVersion(version), ack, durableOn })}\n`;
  }
  const where = durableOn.length === 0 ? '' : `, durable on ${durableOn.join(', ')}`;
  return `${version}${where}\n`;
}
