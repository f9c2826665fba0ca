import { parseVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import { decodeBase64 } from './bytes-json.ts';
import { TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX } from './limits.ts';
import { percentDecode } from './target.ts';
import { invalidRequest } from './invalid-request.ts';

/**
 * Parameters of a request, taken out one by one; `finish` refuses the rest. Every method throws
 * WalshipError REQUEST_INVALID naming the parameter.
 */
export class Query {
  readonly #values = new Map<string, Buffer>();

  constructor(query: string) {
    for (const pair of query.split('&')) {
      if (pair === '') continue;
      const [rawName = '', ...rest] = pair.split('=');
      const name = formDecode(rawName, 'the query').toString('utf8');
      if (this.#values.has(name)) throw invalidRequest(`parameter ${name} is given twice`);
      this.#values.set(name, formDecode(rest.join('='), `parameter ${name}`));
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Takes raw bytes: `name` percent-encoded, or `<name>64` in base64url. */
  bytes(name: string): Buffer | undefined {
    const plain = this.#take(name);
    const base64 = this.base64(`${name}64`);
    if (plain !== undefined && base64 !== undefined) {
      throw invalidRequest(`parameters ${name} and ${name}64 exclude each other`);
    }
    return plain ?? base64;
  }

  base64(name: string): Buffer | undefined {
    const text = this.#take(name)?.toString('latin1');
    return text === undefined ? undefined : decodeBase64(text, `parameter ${name}`);
  }

  /** Takes one of `choices`; returns the first one if the parameter is absent. */
  choice<const T extends string>(name: string, choices: readonly [T, ...T[]]): T {
    const text = this.#take(name)?.toString('utf8');
    if (text === undefined) return choices[0];
    const found = choices.find((choice) => choice === text);
    if (found === undefined) {
      throw invalidRequest(`parameter ${name} is "${text}", expected ${choices.join(', ')}`);
    }
    return found;
  }

  integer(name: string, bounds: { min: number; max: number }): number | undefined {
    const text = this.#take(name)?.toString('utf8');
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= bounds.min && value <= bounds.max)) {
      throw invalidRequest(
        `parameter ${name} is "${text}", expected an integer from ${bounds.min} to ${bounds.max}`,
      );
    }
    return value;
  }

  timeoutMs(): number {
    return this.integer('timeoutMs', { min: 0, max: TIMEOUT_MS_MAX }) ?? TIMEOUT_MS_DEFAULT;
  }

  version(name: string): Version | undefined {
    const text = this.#take(name)?.toString('utf8');
    if (text === undefined) return undefined;
    const version = parseVersion(text);
    if (version === undefined) {
      throw invalidRequest(`parameter ${name} is "${text}", expected a version such as 3.17`);
    }
    return version;
  }

  /** Refuses unknown parameters. Call it when all known parameters are taken, and before any effect. */
  finish(): void {
    if (this.#values.size === 0) return;
    throw invalidRequest(`unknown parameters: ${[...this.#values.keys()].join(', ')}`);
  }

  #take(name: string): Buffer | undefined {
    const value = this.#values.get(name);
    this.#values.delete(name);
    return value;
  }
}

/** Decodes a parameter. In a query, unlike in a path, a plus is a space: browsers and URLSearchParams encode it so. */
function formDecode(text: string, what: string): Buffer {
  return percentDecode(text.replaceAll('+', ' '), what);
}
