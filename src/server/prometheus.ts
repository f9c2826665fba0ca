/**
 * Metrics in the text format of Prometheus. Numbers are read at scrape time, so that no label outlives the thing it names.
 * Only the used parts of the library are loaded: the whole includes OpenTelemetry, which would delay a start.
 */
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Buckets from 'prom-client/lib/histogram.js';
import Families from 'prom-client/lib/registry.js';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

interface Naming {
  readonly name: string;
  readonly help: string;
  /** Label names of every sample. */
  readonly labelNames?: readonly string[];
}

/** Counts values by bucket, for each set of labels. */
export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export class Registry {
  readonly #families = new Families();

  /** The content type of what `text` returns. */
  get contentType(): string {
    return this.#families.contentType;
  }

  /** Adds numbers that go up and down. */
  gauge(naming: Naming, read: () => number | readonly Sample[]): void {
    const gauge = new Gauge(this.#options(naming));
    collected(gauge, naming, () => {
      for (const { labels = {}, value } of samplesOf(read())) gauge.set(labels, value);
    });
  }

  /** Adds numbers that only grow. */
  counter(naming: Naming, read: () => number | readonly Sample[]): void {
    const counter = new Counter(this.#options(naming));
    collected(counter, naming, () => {
      for (const { labels = {}, value } of samplesOf(read())) counter.inc(labels, value);
    });
  }

  /**
   * Adds a histogram; `bounds` are the upper ends of its buckets, rising, without infinity. A histogram without
   * labels is exported before its first value.
   */
  histogram({ bounds, ...naming }: Naming & { readonly bounds: readonly number[] }): Histogram {
    const buckets = new Buckets({ ...this.#options(naming), buckets: [...bounds] });
    return { observe: (value, labels = {}) => buckets.observe(labels, value) };
  }

  /** Returns all metrics as text, with their present values. */
  text(): Promise<string> {
    return this.#families.metrics();
  }

  #options({ name, help, labelNames = [] }: Naming): {
    readonly name: string;
    readonly help: string;
    readonly labelNames: string[];
    readonly registers: Families[];
  } {
    return { name, help, labelNames: [...labelNames], registers: [this.#families] };
  }
}

/** Sets the metric anew whenever it is read. */
function collected(metric: Gauge | Counter, { labelNames = [] }: Naming, read: () => void): void {
  Object.assign(metric, {
    collect: () => {
      metric.reset();
      // Without labels it would export 0 where there is no value.
      if (labelNames.length === 0) metric.remove();
      read();
    },
  });
}

function samplesOf(read: number | readonly Sample[]): readonly Sample[] {
  return typeof read === 'number' ? [{ value: read }] : read;
}
