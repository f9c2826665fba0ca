/** YAML, as far as scenario files need it. */
import { parseDocument } from 'yaml';

/** What a text says; or what is wrong with it, each with its line. */
export type ParsedYaml =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads one document. Keys that stand twice are errors; anchors are not followed without bound. */
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
