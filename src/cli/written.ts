/** The answer to a write, for people or as the server gave it. */
export function formatWritten(reply: unknown, json: boolean): string {
  if (json) return `${JSON.stringify(reply)}\n`;
  const { version, durableOn } = reply as { version?: unknown; durableOn?: unknown };
  const where = Array.isArray(durableOn) ? `, durable on ${durableOn.join(', ')}` : '';
  return `${String(version)}${where}\n`;
}
