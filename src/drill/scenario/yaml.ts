/** YAML, as far as scenario files need it. */
import { parseDocument } from 'yaml';

/** Value of a text; or its problems, each with its line. */
export type ParsedYaml =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads one document. Duplicate keys are errors; the expansion of anchors is bounded. */
export function parseYaml(text: string): ParsedYaml {
  const document = parseDocument(text, { prettyErrors: true });
  const problems = document.errors.map((error) => {
    const line = error.linePos?.[0].line;
    const words = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:$/, '');
    return `${line === undefined ? '' : `line ${line}: `}${words}`;
  });
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: document.toJS({ maxAliasCount: 10 }) as unknown };
}
