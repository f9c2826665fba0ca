import type { Written } from '../client/api.ts';
import { parseVersion } from '../wal/format/position.ts';

/** The answer to a write, for people or as JSON, which is as in HTTP. */
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
