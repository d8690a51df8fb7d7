// Which of several certificates a client is shown: those for the name it asks for, one of each kind of key. Without any it is the first, or one of
// each kind: for a client that asks for no name, and where that is configured.
import type { SecureContext } from 'node:tls';
import { subjectAltNames } from '../../lib/certificate.ts';
import { type CurrentContext, makeContext, type OwnCertificate } from './context.ts';

export class CertificateChoice {
  readonly #current: CurrentContext;
  readonly #sessionIdContext: string;
  /** By name, exact or `*.suffix`; certificates in the order of the configuration. */
  readonly #byName = new Map<string, OwnCertificate[]>();
  readonly #contexts = new Map<readonly OwnCertificate[], SecureContext | string>();
  readonly #nameless: readonly OwnCertificate[];
  readonly #unknown: readonly OwnCertificate[];

  /** `sessionIdContext`: see `sessionContext`. */
  constructor(current: CurrentContext, sessionIdContext: string, suitsUnknownNames: boolean) {
    this.#current = current;
    this.#sessionIdContext = sessionIdContext;
    for (const certificate of current.certificates) {
      for (const name of namesOf(certificate)) {
        const same = this.#byName.get(name) ?? [];
        this.#byName.set(name, same);
        if (same.every((other) => keyOf(other) !== keyOf(certificate))) same.push(certificate);
      }
    }
    this.#nameless = current.certificates.filter(
      (certificate, i, all) => all.findIndex((other) => keyOf(other) === keyOf(certificate)) === i,
    );
    this.#unknown = suitsUnknownNames ? this.#nameless : this.#nameless.slice(0, 1);
  }

  /** A string says why there is none. */
  contextFor(serverName: string): SecureContext | string {
    const chosen = this.certificatesFor(serverName);
    const known = this.#contexts.get(chosen);
    if (known !== undefined) return known;
    const made = makeContext({ ...this.#current.options(chosen), sessionIdContext: this.#sessionIdContext });
    this.#contexts.set(chosen, made);
    return made;
  }

  certificatesFor(serverName: string): readonly OwnCertificate[] {
    return serverName === '' ? this.#nameless : (this.#named(serverName) ?? this.#unknown);
  }

  /** Whether there is a certificate for this name. */
  isFor(serverName: string): boolean {
    return this.#named(serverName) !== undefined;
  }

  #named(serverName: string): readonly OwnCertificate[] | undefined {
    const name = serverName.toLowerCase();
    const dot = name.indexOf('.');
    return this.#byName.get(name) ?? (dot > 0 ? this.#byName.get(`*${name.slice(dot)}`) : undefined);
  }
}

/** DNS names; the common name only where there are none. */
function namesOf({ leaf }: OwnCertificate): readonly string[] {
  const names = subjectAltNames(leaf.subjectAltName).filter(({ type }) => type === 'dns');
  if (names.length > 0) return names.map(({ value }) => value.toLowerCase());
  const subject: string | undefined = leaf.subject;
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}

function keyOf({ leaf }: OwnCertificate): string {
  return leaf.publicKey.asymmetricKeyType ?? '';
}
