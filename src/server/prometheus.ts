/**
 * Metrics in the text format of Prometheus, version 0.0.4: families, each with help, type and samples.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

interface Naming {
  readonly name: string;
  readonly help: string;
}

interface Family extends Naming {
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly lines: () => readonly string[];
}

/** What a scrape is answered with. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export class Registry {
  readonly #families: Family[] = [];

  /** Adds numbers that go up and down, read when they are asked for: no label outlives what it names. */
  gauge(naming: Naming, read: () => number | readonly Sample[]): void {
    this.#add({ ...naming, type: 'gauge', lines: () => samples(naming.name, read()) });
  }

  /** Adds numbers that only grow, read when they are asked for. */
  counter(naming: Naming, read: () => number | readonly Sample[]): void {
    this.#add({ ...naming, type: 'counter', lines: () => samples(naming.name, read()) });
  }

  /** Adds a histogram; `bounds` are the upper ends of its buckets, rising, without infinity. One without labels is there before its first value. */
  histogram(
    naming: Naming & { readonly bounds: readonly number[]; readonly labelled: boolean },
  ): Histogram {
    const { name, help, bounds, labelled } = naming;
    const histogram = new Histogram(name, bounds);
    if (!labelled) histogram.begin({});
    this.#add({ name, help, type: 'histogram', lines: () => histogram.lines() });
    return histogram;
  }

  text(): string {
    return this.#families
      .map(({ name, help, type, lines }) => {
        const head = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
        return `${head}${lines()
          .map((line) => `${line}\n`)
          .join('')}`;
      })
      .join('\n');
  }

  #add(family: Family): void {
    this.#families.push(family);
  }
}

interface Series {
  readonly labels: Labels;
  /** Values by bucket, not added up; the last one has no upper end. */
  readonly counts: number[];
  sum: number;
}

/** Counts values by bucket, for each set of labels. */
export class Histogram {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(name: string, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
  }

  observe(value: number, labels: Labels = {}): void {
    const series = this.begin(labels);
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = found < 0 ? this.#bounds.length : found;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
  }

  /** The series of these labels, empty where nothing was observed. */
  begin(labels: Labels): Series {
    const key = Object.values(labels).join('\n');
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const series = { labels, counts: Array.from(this.#bounds, () => 0), sum: 0 };
    this.#series.set(key, series);
    return series;
  }

  lines(): readonly string[] {
    const name = this.#name;
    return [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let count = 0;
      const buckets = [...this.#bounds, Infinity].map((bound, index) => {
        count += counts[index] ?? 0;
        return sample(`${name}_bucket`, { le: number(bound), ...labels }, count);
      });
      return [
        ...buckets,
        sample(`${name}_sum`, labels, sum),
        sample(`${name}_count`, labels, count),
      ];
    });
  }
}

function samples(name: string, read: number | readonly Sample[]): readonly string[] {
  if (typeof read === 'number') return [sample(name, {}, read)];
  return read.map(({ labels = {}, value }) => sample(name, labels, value));
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${quoted(text)}"`);
  const all = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
  return `${name}${all} ${number(value)}`;
}

function number(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function quoted(text: string): string {
  return escaped(text).replaceAll('"', '\\"');
}
