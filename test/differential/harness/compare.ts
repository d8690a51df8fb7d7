// Runs a suite: both proxies get the same file and the same bytes, and must be seen to do the same.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findEnvoy } from '../../support/envoy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { acceptedDifferences } from './accepted.ts';
import type { Case, CertificateFiles, Suite, Wants } from './case.ts';
import { makeCertificateFiles } from './certificates.ts';
import { difference } from './difference.ts';
import { type Observation, observe } from './observation.ts';
import { envoySubject, Stand, startBoth, tulleSubject } from './stand.ts';
import { compareStatistics } from './statistics.ts';

const envoy = findEnvoy();
/** Compares Envoy with itself: that finds cases which are not deterministic. */
const selfTest = process.env.DIFFERENTIAL_SUBJECT === 'envoy';

/** Two running proxies of one suite: `reference` is Envoy. */
export type Pair = { readonly reference: Stand; readonly ours: Stand };

/** `more` adds tests that do not fit a table, with the same two proxies. */
export function compareWithEnvoy(suite: Suite, more?: (pair: () => Pair) => void): void {
  describe.skipIf(envoy === null)(`${suite.name}: as Envoy does`, () => {
    let pair: Pair | undefined;
    const running = (): Pair => {
      if (pair === undefined) throw new Error('the proxies are not running');
      return pair;
    };
    beforeAll(async () => {
      pair = await startPair(suite);
    });
    afterAll(async () => {
      await Promise.all([pair?.reference[Symbol.asyncDispose](), pair?.ours[Symbol.asyncDispose]()]);
    });
    test.each(suite.cases.map((one, index) => ({ ...one, id: String(index) })))('$name', async ({ id, ...one }) => {
      await compareCase(running(), suite, one, id);
    });
    more?.(running);
    if (suite.statistics !== undefined) compareStatistics(running, suite.statistics);
  });
}

async function startPair(suite: Suite): Promise<Pair> {
  const certificates: CertificateFiles = suite.certificates === true ? await makeCertificateFiles() : {};
  return startBoth(
    (subject) => Stand.start(subject, suite, certificates),
    (stand) => stand[Symbol.asyncDispose](),
    [envoySubject(envoy!), selfTest ? envoySubject(envoy!) : tulleSubject],
  );
}

async function compareCase(pair: Pair, suite: Suite, one: Case, id: string): Promise<void> {
  const accepted = selfTest ? undefined : acceptedOf(suite, one);
  const [reference, ours] = await observeBoth(pair, one, id, accepted?.adapt);
  expect(reached(reference, one.wants), 'Envoy').toEqual(one.wants.reached ?? reached(reference, one.wants));
  checkWants(reference, one.wants);
  const meant = accepted?.adapt(reference) ?? reference;
  if (accepted !== undefined)
    expect(meant, `accepted.ts: no longer different: ${accepted.reason}`).not.toEqual(reference);
  expect(ours, `differs from Envoy:\n${difference(meant, ours)}\n`).toEqual(meant);
  await compareFlags(pair, one, id);
}

function acceptedOf(suite: Suite, one: Case): (typeof acceptedDifferences)[number] | undefined {
  return acceptedDifferences.find((entry) => entry.suite === suite.name && entry.case === one.name);
}

/** At the same time; one after the other where what ours is meant to do is known from Envoy. */
async function observeBoth(
  { reference, ours }: Pair,
  one: Case,
  id: string,
  adapt?: (envoy: Observation) => Observation,
): Promise<readonly [reference: Observation, ours: Observation]> {
  if (adapt === undefined) return Promise.all([observe(reference, one, id), observe(ours, one, id)]);
  const seen = await observe(reference, one, id);
  return [seen, await observe(ours, one, id, adapt(seen).upstreams.length)];
}

function checkWants(reference: Observation, wants: Wants): void {
  const last = reference.responses.at(-1)!;
  const statuses = reference.responses.map(({ status }) => status);
  expect(statuses, 'Envoy: status').toEqual(Array.isArray(wants.status) ? wants.status : [wants.status]);
  if (wants.body !== undefined) expect(last.body, 'Envoy: body').toBe(wants.body);
  checkHeaders(last.headers, wants.headers);
  if (wants.seen?.startLine !== undefined) expect(reference.upstreams[0]?.startLine).toBe(wants.seen.startLine);
  if (wants.seen?.headers !== undefined) checkHeaders(reference.upstreams[0]?.headers ?? [], wants.seen.headers);
}

function checkHeaders(headers: readonly string[], wants: Readonly<Record<string, string | null>> = {}): void {
  for (const [name, value] of Object.entries(wants)) {
    const found = headers.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
    expect(found.length === 0 ? null : found.join(' & '), `Envoy: header ${name}`).toBe(value);
  }
}

function reached(observation: Observation, wants: Wants): readonly string[] | undefined {
  return wants.reached === undefined ? undefined : observation.upstreams.map(({ upstream }) => upstream);
}

/** The access log names the cause of every answer in Envoy's two letters. Requests without a readable head are not told apart in it. */
async function compareFlags(pair: Pair, one: Case, id: string): Promise<void> {
  const parts = typeof one.send === 'string' ? [one.send] : one.send;
  const logged = parts.filter((part) => part.includes('x-case: <case>')).length;
  if (logged === 0 || one.wants.flags === undefined) return;
  const linesOf = (stand: Stand): string[] =>
    stand
      .accessLog()
      .filter((line) => line.startsWith(`${id} `))
      .map(sortFlags);
  const [expected, found] = await Promise.all(
    [pair.reference, pair.ours].map((stand) =>
      waitFor(`access log of ${stand.subject}`, () => {
        const found = linesOf(stand);
        return found.length >= logged && found;
      }),
    ),
  );
  expect(expected!.at(-1)!.split(' ').slice(2).join(' '), 'Envoy: flags').toBe(one.wants.flags);
  expect(found).toEqual(expected);
}

/** Envoy lists flags as they came about; the order of two that come about together says nothing. */
function sortFlags(line: string): string {
  const [id, status, flags] = line.split(' ');
  return [id, status, ...(flags ?? '').split(',').sort()].join(' ');
}
