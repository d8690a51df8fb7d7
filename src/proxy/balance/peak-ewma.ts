// Peak EWMA, the balancer of Linkerd: of two endpoints the one whose requests are likely to be answered sooner. An endpoint's
// estimate follows a slower answer at once and a faster one by an average that decays over time.
import type { PolicyConfig } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';
import type { Picker } from './picker.ts';

type Config = Extract<PolicyConfig, { kind: 'peak-ewma' }>;

/** Round-trip time of one endpoint, in milliseconds, and the requests whose answer has not begun. */
export class PeakEwma {
  pending = 0;
  #estimate: number;
  #updated: number;
  readonly #decay: number;

  constructor({ decay, defaultRtt }: Config, now: number) {
    this.#decay = decay;
    this.#estimate = defaultRtt;
    this.#updated = now;
  }

  begin(): void {
    this.pending += 1;
  }

  /** `rtt` is null for a request that was given up: it says nothing of the endpoint. */
  end(rtt: number | null, now: number): void {
    this.pending -= 1;
    if (rtt === null) return;
    const aged = this.estimate(now);
    if (rtt > aged) this.#estimate = rtt;
    else {
      const kept = Math.exp((this.#updated - now) / this.#decay);
      this.#estimate = this.#estimate * kept + rtt * (1 - kept);
    }
    this.#updated = now;
  }

  /** What has not been heard of for long is worth another try: the estimate fades. */
  estimate(now: number): number {
    return this.#estimate * Math.exp(Math.min(0, this.#updated - now) / this.#decay);
  }
}

export function peakEwma(candidates: readonly Endpoint[], random: () => number): Picker {
  const count = candidates.length;
  return (at) => {
    const first = Math.floor(random() * count);
    if (count === 1) return candidates[first]!;
    // Another one: among the rest, counted from the first.
    const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
    const [a, b] = [candidates[first]!, candidates[second]!];
    return costOf(a, at) <= costOf(b, at) ? a : b;
  };
}

function costOf({ latency, weight }: Endpoint, now: number): number {
  return latency === null ? 0 : (latency.estimate(now) * (latency.pending + 1)) / weight;
}
