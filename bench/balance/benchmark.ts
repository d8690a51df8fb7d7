// How fast an endpoint is chosen: every policy at 3, 100 and 1,000 endpoints, and how long it takes to begin again when their health changes.
import { anyEndpoint, type Balancer, type BalancerContext, type Endpoint } from '../../src/proxy/balance/balancer.ts';
import { createBalancer } from '../../src/proxy/balance/create.ts';
import { PeakEwma } from '../../src/proxy/balance/peak-ewma.ts';
import { ClusterStats } from '../../src/proxy/cluster/stats.ts';
import type { PolicyConfig } from '../../src/proxy/config/cluster-types.ts';

export type PickMeasurement = {
  readonly policy: string;
  readonly endpoints: number;
  readonly picksPerSecond: number;
  /** Microseconds from a change of health to the next endpoint. */
  readonly rebuildMicros: number;
};

const ring = {
  kind: 'ring-hash',
  minimumRingSize: 1024,
  maximumRingSize: 8_388_608,
  hash: 'xx',
  key: 'address',
  balanceFactor: 0,
} as const;
const policies: Readonly<Record<string, PolicyConfig>> = {
  'round robin': { kind: 'round-robin', slowStart: null },
  random: { kind: 'random' },
  'least request': { kind: 'least-request', choices: 2, bias: 1, biasKey: '', fullScan: false, slowStart: null },
  'peak EWMA': { kind: 'peak-ewma', decay: 10_000, defaultRtt: 30 },
  'ring hash': ring,
  maglev: { kind: 'maglev', tableSize: 65_537, key: 'address', balanceFactor: 0 },
};
const SIZES = [3, 100, 1_000];
const BATCH = 10_000;

/** Each figure is the best of `rounds`. */
export function measurePicks(rounds: number, say: (line: string) => void): readonly PickMeasurement[] {
  const weights = { even: () => 1, weighted: (i: number) => 1 + (i % 5) };
  return Object.entries(policies).flatMap(([policy, config]) =>
    Object.entries(weights).flatMap(([kind, weightOf]) =>
      SIZES.map((endpoints) => {
        const name = kind === 'even' ? policy : `${policy}, weighted`;
        say(`${name}, ${endpoints} endpoints`);
        return { policy: name, endpoints, ...measure(config, endpoints, weightOf, rounds) };
      }),
    ),
  );
}

export function formatPicks(rows: readonly PickMeasurement[]): string {
  const lines = rows.map(({ policy, endpoints, picksPerSecond, rebuildMicros }) => [
    policy.padEnd(26),
    String(endpoints).padStart(9),
    `${(picksPerSecond / 1e6).toFixed(1)}`.padStart(12),
    `${Math.round(rebuildMicros)}`.padStart(12),
  ]);
  const head = ['policy'.padEnd(26), 'endpoints', 'Mpicks/s'.padStart(12), 'rebuild µs'.padStart(12)];
  return [head, ...lines].map((cells) => cells.join('  ')).join('\n');
}

function measure(policy: PolicyConfig, count: number, weightOf: (i: number) => number, rounds: number) {
  const endpoints = Array.from({ length: count }, (_, i) => endpointOf(i, weightOf(i)));
  const balancer = make(policy, endpoints);
  const hashes = Array.from({ length: 64 }, (_, i) => ({ high: Math.imul(i, 2_654_435_761) >>> 0, low: i }));
  const wanted = hashes.map((hash) => ({ ...anyEndpoint, hash, now: 1_000 }));
  let picksPerSecond = 0;
  let rebuildMicros = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds * 20; round++) {
    const start = performance.now();
    for (let i = 0; i < BATCH; i++) balancer.pick(wanted[i & 63]!);
    const picked = performance.now();
    picksPerSecond = Math.max(picksPerSecond, (BATCH * 1000) / (picked - start));
    balancer.invalidate();
    balancer.pick(wanted[0]!);
    rebuildMicros = Math.min(rebuildMicros, (performance.now() - picked) * 1000);
  }
  return { picksPerSecond, rebuildMicros };
}

function make(balancing: PolicyConfig, endpoints: readonly Endpoint[]): Balancer {
  const context: BalancerContext = {
    random: Math.random,
    now: () => 1_000,
    stats: new ClusterStats(),
    active: () => 0,
    local: () => null,
  };
  const localities = {
    kind: 'zone-aware',
    minClusterSize: 6,
    routedPercent: 100,
    failOnPanic: false,
    forceDirect: false,
  } as const;
  const factors = { overprovisioning: 140, weightedHealth: false, localityWeights: [] };
  return createBalancer(
    { balancing, localities, panicThreshold: 50, subsets: null, overrideHeaders: [] },
    factors,
    endpoints,
    context,
  );
}

function endpointOf(i: number, weight: number): Endpoint {
  const address = `10.0.${i >> 8}.${i & 255}`;
  return {
    address,
    port: 80,
    name: `${address}:80`,
    hostname: '',
    weight,
    health: 0,
    healthySince: 0,
    activeRequests: i % 3,
    locality: '',
    priority: 0,
    metadata: {},
    latency: new PeakEwma({ kind: 'peak-ewma', decay: 10_000, defaultRtt: 30 }, 0),
  };
}
