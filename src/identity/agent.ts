// Keeps one workload certificate good: makes a key, has it certified, and does so again at half of the lifetime.
// When the CA is gone the last good certificate stays in use and the agent keeps trying.
//
//   asking ──issued──► holding ──half of what is left, ±10 %──► asking
//      └────refused or unreachable: back-off────► asking
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { SpiffeId } from '../model/units.ts';
import { jitteredBackoff } from '../xds/backoff.ts';
import { uriSansOf } from '../xds/peer.ts';
import type { KeyedCertificate } from './ca.ts';
import type { Proof, RequestCertificate } from './ca-client.ts';
import { createRequest, exportPrivateKey, exportPublicKey, generateKeys } from './workload-keys.ts';

/** PEM. */
export type WorkloadSecrets = {
  readonly certificate: KeyedCertificate;
  readonly trust: { readonly roots: string };
};

export type AgentOptions = {
  readonly identity: SpiffeId;
  /** PEM: what the mesh trusts, and what our own certificate must be signed by. */
  readonly roots: string;
  /** Read for each attempt that needs it, so that a token file can be replaced. */
  readonly token: () => Promise<string>;
  readonly request: RequestCertificate;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
};

export class IdentityAgent {
  readonly #options: AgentOptions;
  readonly #backoff;
  readonly #listeners = new Set<(secrets: WorkloadSecrets) => void>();
  #current: WorkloadSecrets | null = null;
  /** A refused renewal is tried with the token next. */
  #renewalFailed = false;
  #cancelTimer: () => void = () => undefined;
  #closed = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#backoff = jitteredBackoff(200, 10_000, options.random);
  }

  start(): void {
    void this.#ask();
  }

  /** The newest good certificate; null before the first. */
  current(): WorkloadSecrets | null {
    return this.#current;
  }

  /** Called with the present secrets, if any, and with each renewal. Returns how to stop. */
  onUpdate(listener: (secrets: WorkloadSecrets) => void): () => void {
    this.#listeners.add(listener);
    if (this.#current !== null) listener(this.#current);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves with the first certificate; waits as long as that takes. */
  ready(): Promise<WorkloadSecrets> {
    if (this.#current !== null) return Promise.resolve(this.#current);
    return new Promise((resolve) => {
      const stop = this.onUpdate((secrets) => {
        stop();
        resolve(secrets);
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  async #ask(): Promise<void> {
    const { clock, identity, log, random, roots, request } = this.#options;
    try {
      const keys = await generateKeys();
      const chain = await request(await createRequest(keys), await this.#proof());
      const key = await exportPrivateKey(keys);
      const leaf = checkChain(chain, roots, identity, await exportPublicKey(keys), clock.epoch());
      if (this.#closed) return;
      this.#renewalFailed = false;
      this.#backoff.reset();
      this.#publish({ certificate: { chain: chain.join('\n'), key }, trust: { roots } });
      const left = leaf.validToDate.getTime() - clock.epoch();
      log.info({ identity, validTo: leaf.validTo }, 'workload certificate issued');
      this.#again((left / 2) * (0.9 + 0.2 * random()));
    } catch (error) {
      if (this.#closed) return;
      this.#renewalFailed = !this.#renewalFailed;
      log.warn(
        { identity, reason: error instanceof Error ? error.message : String(error) },
        'no workload certificate yet',
      );
      this.#again(this.#backoff.next());
    }
  }

  async #proof(): Promise<Proof> {
    const { clock, token } = this.#options;
    const certificate = this.#current?.certificate;
    if (certificate !== undefined && !this.#renewalFailed && isValid(certificate.chain, clock.epoch())) {
      return { kind: 'certificate', certificate };
    }
    return { kind: 'token', token: (await token()).trim() };
  }

  #publish(secrets: WorkloadSecrets): void {
    this.#current = secrets;
    for (const listener of this.#listeners) listener(secrets);
  }

  #again(delay: number): void {
    this.#cancelTimer = this.#options.clock.after(delay, () => void this.#ask());
  }
}

/** What the CA returned must be ours: our key, our one identity, our root, valid now. */
function checkChain(
  chain: readonly string[],
  roots: string,
  identity: SpiffeId,
  publicKey: Buffer,
  now: number,
): X509Certificate {
  const [first] = chain;
  if (first === undefined) throw new Error('the CA returned no certificate');
  const leaf = new X509Certificate(first);
  const names = uriSansOf(leaf);
  if (!leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(publicKey)) {
    throw new Error('the CA certified another key than ours');
  }
  if (names.length !== 1 || names[0] !== identity) {
    throw new Error(`the CA certified ${names.join(', ') || 'no identity'} instead of ${identity}`);
  }
  const signers = [...chain.slice(1), ...splitPem(roots)].map((pem) => new X509Certificate(pem));
  const trusted = splitPem(roots).map((pem) => new X509Certificate(pem).fingerprint256);
  if (!leadsToRoot(leaf, signers, trusted))
    throw new Error('the CA returned a certificate that the mesh root did not sign');
  if (!isValid(first, now))
    throw new Error(`the CA returned a certificate that is valid from ${leaf.validFrom} to ${leaf.validTo}`);
  return leaf;
}

function leadsToRoot(leaf: X509Certificate, signers: readonly X509Certificate[], trusted: readonly string[]): boolean {
  let at = leaf;
  // A chain is at most as long as there are certificates in it.
  for (let depth = 0; depth <= signers.length; depth += 1) {
    if (trusted.includes(at.fingerprint256)) return true;
    const issuer = signers.find((signer) => at.checkIssued(signer) && at.verify(signer.publicKey));
    if (issuer === undefined) return false;
    at = issuer;
  }
  return false;
}

function isValid(chain: string, now: number): boolean {
  const leaf = new X509Certificate(chain);
  return leaf.validFromDate.getTime() <= now && now < leaf.validToDate.getTime();
}

function splitPem(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
