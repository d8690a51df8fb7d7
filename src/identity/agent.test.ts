import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { grpcStreams } from '../../test/support/xds-stream.ts';
import { systemClock } from '../lib/clock.ts';
import { ManualClock } from '../lib/manual-clock.ts';
import type { SpiffeId } from '../model/units.ts';
import { jitteredBackoff } from '../xds/backoff.ts';
import { SnapshotCache } from '../xds/cache.ts';
import { XdsClient } from '../xds/client.ts';
import { NodeSchema } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { SecretSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { typeUrl } from '../xds/resource.ts';
import { XdsServer } from '../xds/server.ts';
import { IdentityAgent, type WorkloadSecrets } from './agent.ts';
import { CertificateAuthority } from './ca.ts';
import { caClient, type Proof, type RequestCertificate } from './ca-client.ts';
import { serveSecrets } from './sds-server.ts';
import { certificateService } from './service.ts';
import { JoinTokens } from './tokens.ts';
import { createRequest, exportPrivateKey, generateKeys } from './workload-keys.ts';

const identity = 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId;
const other = 'spiffe://cluster.local/ns/shop/sa/admin' as SpiffeId;
const HOUR = 3600_000;
const quiet = { info: () => undefined, warn: () => undefined };
const cleanups: (() => unknown)[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tulle-agent-'));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true });
});

/** An agent on a clock moved by hand, and a CA behind a function that tests can break. */
async function handMoved() {
  const clock = new ManualClock();
  const authority = await CertificateAuthority.open(folder, { trustDomain: 'cluster.local', clock });
  const proofs: Proof['kind'][] = [];
  const warnings: string[] = [];
  const steps = new EventTarget();
  const ca = { answer: (csr: string): Promise<readonly string[]> => authority.issue(csr, identity, 'web-1.shop') };
  const request: RequestCertificate = (csr, proof) => {
    proofs.push(proof.kind);
    return ca.answer(csr);
  };
  const step = () => steps.dispatchEvent(new Event('step'));
  const agent = new IdentityAgent({
    identity,
    roots: authority.root,
    token: () => Promise.resolve('token'),
    request,
    clock,
    random: () => 0.5,
    log: {
      info: () => queueMicrotask(step),
      warn: (fields) => {
        warnings.push('reason' in fields ? String(fields.reason) : '');
        queueMicrotask(step);
      },
    },
  });
  cleanups.push(() => agent.close());
  const seen: WorkloadSecrets[] = [];
  agent.onUpdate((secrets) => seen.push(secrets));
  /** Runs `action` and waits until the agent has succeeded or failed once more. */
  const after = async (action: () => void) => {
    const stepped = once(steps, 'step');
    action();
    await stepped;
  };
  return { clock, authority, agent, ca, proofs, warnings, seen, after };
}

describe('agent', () => {
  it('gets a certificate with its token and renews it at half of the lifetime with the certificate', async () => {
    const t = await handMoved();
    await t.after(() => t.agent.start());
    t.clock.advance(11.9 * HOUR);
    expect(t.seen).toHaveLength(1);
    await t.after(() => t.clock.advance(0.2 * HOUR));
    expect(t.seen).toHaveLength(2);
    expect(t.proofs).toEqual(['token', 'certificate']);
    const [first, second] = t.seen;
    expect(second?.certificate.key).not.toBe(first?.certificate.key);
    const end = new X509Certificate(second?.certificate.chain ?? '').validToDate.getTime();
    expect(end - t.clock.epoch()).toBeGreaterThan(23.9 * HOUR);
  });

  it('has a valid certificate at every moment of a week', async () => {
    const t = await handMoved();
    await t.after(() => t.agent.start());
    for (let hour = 0; hour < 7 * 24; hour += 12.5) {
      await t.after(() => t.clock.advance(12.5 * HOUR));
      const leaf = new X509Certificate(t.agent.current()?.certificate.chain ?? '');
      expect(leaf.validToDate.getTime()).toBeGreaterThan(t.clock.epoch());
    }
  });

  it('keeps the last good certificate while the CA is gone, and tries certificate and token in turn', async () => {
    const t = await handMoved();
    await t.after(() => t.agent.start());
    const works = t.ca.answer;
    t.ca.answer = () => Promise.reject(new Error('connection refused'));
    await t.after(() => t.clock.advance(12.1 * HOUR));
    await t.after(() => t.clock.advance(1000));
    await t.after(() => t.clock.advance(1000));
    expect(t.agent.current()).toBe(t.seen[0]);
    expect(t.proofs).toEqual(['token', 'certificate', 'token', 'certificate']);
    expect(t.warnings).toEqual(['connection refused', 'connection refused', 'connection refused']);
    t.ca.answer = works;
    await t.after(() => t.clock.advance(10_000));
    expect(t.seen).toHaveLength(2);
  });

  it('takes nothing from a CA that certifies something else', async () => {
    const t = await handMoved();
    const foreign = await CertificateAuthority.open(join(folder, 'foreign'), {
      trustDomain: 'cluster.local',
      clock: t.clock,
    });
    const strange: [RegExp, (csr: string) => Promise<readonly string[]>][] = [
      [/instead of spiffe:\/\/cluster.local\/ns\/shop\/sa\/web/, (csr) => t.authority.issue(csr, other, 'web')],
      [/another key/, async () => t.authority.issue(await createRequest(await generateKeys()), identity, 'web')],
      [/did not sign/, (csr) => foreign.issue(csr, identity, 'web')],
      [/valid from/, (csr) => t.authority.issue(csr, identity, 'web', -30_000)],
      [/no certificate/, () => Promise.resolve([])],
    ];
    let start = () => t.agent.start();
    for (const [, answer] of strange) {
      t.ca.answer = answer;
      await t.after(start);
      start = () => t.clock.advance(10_000);
    }
    expect(t.agent.current()).toBeNull();
    for (const [at, [reason]] of strange.entries()) expect(t.warnings[at]).toMatch(reason);
  });
});

/** A CA on a real port. */
async function certificatePort() {
  const authority = await CertificateAuthority.open(folder, { trustDomain: 'cluster.local', clock: systemClock });
  const tokens = await JoinTokens.open(join(folder, 'join-tokens.json'));
  const logged: object[] = [];
  const issued: [instance: string, expires: number][] = [];
  const log = {
    info: (fields: object, message: string) => void logged.push({ ...fields, message }),
    warn: (fields: object, message: string) => void logged.push({ ...fields, message }),
  };
  const server = new XdsServer({
    cache: new SnapshotCache(),
    address: '127.0.0.1:0',
    security: {
      kind: 'mtls',
      identity: { ...(await authority.issueServer(['127.0.0.1'])), roots: authority.root },
    },
    authorize: () => ({ ok: false, reason: 'nobody' }),
    log,
    services: [certificateService({ authority, tokens, log, onIssued: (...issue) => void issued.push(issue) })],
  });
  const port = await server.listen();
  cleanups.push(() => server.close());
  return {
    authority,
    tokens,
    logged,
    issued,
    request: caClient({ address: `127.0.0.1:${port}`, roots: authority.root }),
  };
}

describe('certificate service', () => {
  const uriOf = (chain: readonly string[]) => new X509Certificate(chain[0] ?? '').subjectAltName;

  it('issues the identity the token is bound to, without a client certificate', async () => {
    const t = await certificatePort();
    const token = await t.tokens.issue({ identity, instance: 'web-1.shop' });
    const chain = await t.request(await createRequest(await generateKeys()), { kind: 'token', token });
    expect(uriOf(chain)).toBe(`URI:${identity}`);
    expect(JSON.stringify(t.logged)).not.toContain(token);
    expect(t.issued).toEqual([['web-1.shop', new X509Certificate(chain[0] ?? '').validToDate.getTime()]]);
  });

  it('refuses an unknown token, and a good certificate does not make up for it', async () => {
    const t = await certificatePort();
    const csr = await createRequest(await generateKeys());
    await expect(t.request(csr, { kind: 'token', token: 'a.b' })).rejects.toThrow('the join token is not known');
    expect(t.logged).toContainEqual(expect.objectContaining({ message: 'certificate refused' }));
  });

  it('renews for the identity and instance of the certificate shown', async () => {
    const t = await certificatePort();
    const keys = await generateKeys();
    const chain = await t.authority.issue(await createRequest(keys), identity, 'web-1.shop');
    const certificate = { chain: chain.join('\n'), key: await exportPrivateKey(keys) };
    const renewed = await t.request(await createRequest(await generateKeys()), { kind: 'certificate', certificate });
    expect(uriOf(renewed)).toBe(`URI:${identity}`);
    expect(new X509Certificate(renewed[0] ?? '').subject).toBe('CN=web-1.shop');
  });

  it('renews nothing for a certificate of another CA', async () => {
    const t = await certificatePort();
    const foreign = await CertificateAuthority.open(join(folder, 'foreign'), {
      trustDomain: 'cluster.local',
      clock: systemClock,
    });
    const keys = await generateKeys();
    const chain = await foreign.issue(await createRequest(keys), identity, 'web-1.shop');
    const certificate = { chain: chain.join('\n'), key: await exportPrivateKey(keys) };
    await expect(t.request(await createRequest(keys), { kind: 'certificate', certificate })).rejects.toThrow(
      'neither a join token nor a valid mesh certificate',
    );
  });

  it('says what is wrong with a request', async () => {
    const t = await certificatePort();
    const token = await t.tokens.issue({ identity, instance: 'web-1.shop' });
    await expect(t.request('hello', { kind: 'token', token })).rejects.toThrow('not a PKCS #10 request');
  });
});

describe.each(['sotw', 'delta'] as const)('secrets on a socket (%s)', (protocol) => {
  it('serves default and ROOTCA, and their renewal, on a socket of its user alone', async () => {
    const t = await handMoved();
    const socket = join(folder, 'run', 'sds.sock');
    const server = await serveSecrets(t.agent, socket, quiet);
    cleanups.push(() => server.close());
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    const arrived = new EventTarget();
    const keys: string[] = [];
    const names = new Set<string>();
    const client = new XdsClient({
      open: grpcStreams(`unix:${socket}`),
      service: typeUrl.secret,
      protocol,
      node: create(NodeSchema, { id: 'proxy' }),
      clock: systemClock,
      backoff: jitteredBackoff(10, 100, Math.random),
    });
    cleanups.push(() => client.close());
    client.subscribe(typeUrl.secret, ['default', 'ROOTCA'], ({ added }) => {
      for (const { name, bytes } of added) {
        names.add(name);
        const { type } = fromBinary(SecretSchema, bytes);
        const key = type.case === 'tlsCertificate' ? type.value.privateKey?.specifier : undefined;
        if (key?.case === 'inlineBytes') keys.push(Buffer.from(key.value).toString());
      }
      arrived.dispatchEvent(new Event('update'));
      return [];
    });
    const first = once(arrived, 'update');
    client.start();
    await t.after(() => t.agent.start());
    await first;
    expect([...names].sort()).toEqual(['ROOTCA', 'default']);
    const renewal = once(arrived, 'update');
    await t.after(() => t.clock.advance(12.5 * HOUR));
    await renewal;
    expect(keys).toEqual(t.seen.map(({ certificate }) => certificate.key));
    expect(keys).toHaveLength(2);
  });
});
