/** HTML with automatic escaping: every value in a template is text, unless a template made it. */

/** A piece of finished HTML. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | undefined | readonly Part[];

/**
 * Builds HTML from a template: strings and numbers are escaped, other templates are not, lists are concatenated,
 * undefined is empty.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += textOf(part) + (strings[index + 1] ?? '');
  return new Markup(text);
}

/** Escapes text for HTML and for quoted attributes. Characters that XML excludes become a replacement character. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']|(?![\t\n\r])\p{Cc}/gu, (sign) => ENTITIES[sign] ?? '\ufffd');
}

/** Formats JSON for a script element: nothing in it can end that element. */
export function scriptJson(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replaceAll('<', '\\u003c'));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function textOf(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return part.map(textOf).join('');
}
