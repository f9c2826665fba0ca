/**
 * Reads the keys of one mapping of a file, each of one type. Every problem is noted with its place, and a value of
 * the right type is returned instead, so that one reading finds all problems.
 */

/** Sentences without their full stop, each beginning with a place such as `steps[2].kill`. */
export type Problems = string[];

const NODE_NAME = /^[A-Za-z][A-Za-z0-9-]{0,31}$/;
const DURATION = /^(-?)(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const SHOWN_CHARACTERS_MAX = 60;

export class MappingReader {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #place: string;
  readonly #problems: Problems;
  readonly #known = new Set<string>();

  constructor(value: unknown, place: string, problems: Problems) {
    this.#place = place;
    this.#problems = problems;
    const fits = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!fits) problems.push(`${place === '' ? 'the file' : place} must be a mapping of keys`);
    this.#values = fits ? (value as Readonly<Record<string, unknown>>) : {};
  }

  has(key: string): boolean {
    this.#known.add(key);
    return Object.hasOwn(this.#values, key);
  }

  get keys(): readonly string[] {
    return Object.keys(this.#values);
  }

  /** Notes that `key` is not `wanted`, which completes "must be …". */
  problem(key: string, wanted: string): void {
    const given = JSON.stringify(this.#values[key]);
    const shown = given === undefined ? '' : `, not ${given.slice(0, SHOWN_CHARACTERS_MAX)}`;
    this.#problems.push(`${this.#at(key)} must be ${wanted}${shown}`);
  }

  text(key: string): string {
    return this.#read(key, { wanted: 'a text', fallback: '' }, (value) =>
      typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined,
    );
  }

  choice<T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const wanted = choices.join(' or ');
    return this.#read(
      key,
      { wanted, fallback: fallback ?? (choices[0] as T), required: fallback === undefined },
      (value) => choices.find((choice) => choice === value),
    );
  }

  /** Reads a duration in milliseconds, from `300ms`, `2s`, `1.5m` or `1h`; a negative one keeps its sign. */
  duration(key: string, options: { fallback?: number; signed?: boolean } = {}): number {
    const { fallback, signed = false } = options;
    return this.#read(
      key,
      {
        wanted: 'a duration such as 300ms, 2s or 1h',
        fallback: fallback ?? 0,
        required: fallback === undefined,
      },
      (value) => parseDuration(value, signed),
    );
  }

  number(
    key: string,
    { min, max, whole = true, fallback }: NumberBounds & { fallback?: number },
  ): number {
    const wanted = `a ${whole ? 'whole ' : ''}number in [${min}, ${max}]`;
    return this.#read(
      key,
      { wanted, fallback: fallback ?? min, required: fallback === undefined },
      (value) => {
        if (typeof value !== 'number' || value < min || value > max) return undefined;
        return whole && !Number.isInteger(value) ? undefined : value;
      },
    );
  }

  flag(key: string): boolean {
    return this.#read(key, { wanted: 'true or false', fallback: false, required: false }, (value) =>
      typeof value === 'boolean' ? value : undefined,
    );
  }

  /** Reads one name, or a list of them. */
  names(key: string, fallback?: readonly string[]): readonly string[] {
    return this.#read(
      key,
      {
        wanted: 'a node or a list of nodes, such as n1, leader or [n1, n2]',
        fallback: fallback ?? [],
        required: fallback === undefined,
      },
      (value) => {
        const list: unknown[] = Array.isArray(value) ? value : [value];
        const fits = list.length > 0 && list.every((item) => isName(item));
        return fits ? list : undefined;
      },
    );
  }

  /** Reads the mapping under `key`; an empty one if there is none. */
  mapping(key: string): MappingReader {
    const value = this.has(key) ? this.#values[key] : {};
    return new MappingReader(value, this.#at(key), this.#problems);
  }

  /** Reads the items of the list under `key`, each with its place. */
  list(key: string): readonly { readonly value: unknown; readonly place: string }[] {
    const read = this.#read(key, { wanted: 'a list', fallback: [] as unknown[] }, (value) =>
      Array.isArray(value) ? (value as unknown[]) : undefined,
    );
    return read.map((value, index) => ({ value, place: `${this.#at(key)}[${index}]` }));
  }

  /** Reads the value under `key` unchanged. */
  raw(key: string): unknown {
    return this.has(key) ? this.#values[key] : undefined;
  }

  /** Notes every unknown key. */
  finish(): void {
    for (const key of this.keys) {
      if (this.#known.has(key)) continue;
      const known = [...this.#known].join(', ');
      this.#problems.push(`${this.#at(key)} is not known here (known: ${known})`);
    }
  }

  #at(key: string): string {
    return this.#place === '' ? key : `${this.#place}.${key}`;
  }

  #read<T>(
    key: string,
    rule: { readonly wanted: string; readonly fallback: T; readonly required?: boolean },
    parse: (value: unknown) => T | undefined,
  ): T {
    if (!this.has(key)) {
      if (rule.required !== false) {
        this.#problems.push(`${this.#at(key)} is missing: it must be ${rule.wanted}`);
      }
      return rule.fallback;
    }
    const parsed = parse(this.#values[key]);
    if (parsed !== undefined) return parsed;
    this.problem(key, rule.wanted);
    return rule.fallback;
  }
}

interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
}

/** Returns true if `value` can name a node. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NODE_NAME.test(value);
}

/** Parses a duration to milliseconds, from `300ms`, `2s`, `1.5m` or `1h`; undefined for anything else. */
export function parseDuration(value: unknown, signed = false): number | undefined {
  const [, sign = '', digits = '', unit = ''] =
    typeof value === 'string' ? (DURATION.exec(value) ?? []) : [];
  if (digits === '' || (sign !== '' && !signed)) return undefined;
  const ms = Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return sign === '' ? ms : -ms;
}
