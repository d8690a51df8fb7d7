// All samples of one metric, by their labels.
import { Histogram } from './histogram.ts';
import { heading, type Labels, labelText } from './istio-labels.ts';
import type { Metric, MetricRules } from './metric-rules.ts';

/** Where the labels of a metric come from: `values` are those of the rules' expressions. */
export type Labelled = {
  readonly labels: Labels;
  readonly rules: MetricRules | null;
  readonly values: readonly string[];
};

export class Count {
  value = 0;

  text(name: string, labels: string): string {
    return `${name}{${labels}} ${this.value}\n`;
  }
}

export class MetricFamily<Sample extends Count | Histogram> {
  readonly #metric: Metric;
  readonly #help: string;
  readonly #make: () => Sample;
  readonly #samples = new Map<string, Sample>();

  constructor(metric: Metric, help: string, make: () => Sample) {
    this.#metric = metric;
    this.#help = help;
    this.#make = make;
  }

  /** null: the rules leave the metric out. */
  of({ labels, rules, values }: Labelled): Sample | null {
    const own = rules === null ? labels : rules.labelsOf(this.#metric, labels, values);
    if (own === null) return null;
    const text = labelText(own);
    const sample = this.#samples.get(text) ?? this.#make();
    this.#samples.set(text, sample);
    return sample;
  }

  /** Prometheus text. */
  text(): string {
    const name = `istio_${this.#metric}`;
    const samples = [...this.#samples].map(([labels, sample]) => sample.text(name, labels));
    const type = this.#make() instanceof Histogram ? 'histogram' : 'counter';
    return [heading(name, type, this.#help), ...samples].join('');
  }
}
