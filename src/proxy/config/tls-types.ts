// What TLS is compiled to, at both ends: certificates, what is asked of peers, and the secrets they name.
import type { AddressTest } from '../../lib/cidr.ts';
import type { LineSink } from '../log/sink.ts';
import type { ConfigSource } from './config-source.ts';

export type DownstreamTlsConfig = TlsParams & {
  /** At least one. Several: the server name chooses, then the kinds of key the client can use. */
  readonly certificates: readonly SecretRef[];
  /** A name that no certificate is for gets any of them that suits the client's keys, not just the first. */
  readonly suitsUnknownNames: boolean;
  /** null: the client's certificate is not asked for. */
  readonly validation: ValidationConfig | null;
  readonly requireClientCertificate: boolean;
  /** Clients must ask for a name that one of the certificates is for. */
  readonly requiresServerName: boolean;
  readonly alpn: readonly string[];
  /** Of ciphers both sides have the client's first is taken, not the server's. */
  readonly clientChoosesCipher: boolean;
  /** Of clients that ask for an OCSP response: `lenient` leaves out one that has expired, `strict` refuses the handshake then, `must` also without one. */
  readonly stapling: 'lenient' | 'strict' | 'must';
  readonly sessions: {
    /** Whether clients get tickets to resume with. */
    readonly tickets: boolean;
    /** 48 bytes that proxies which resume each other's sessions share; null: random. */
    readonly ticketKeys: Buffer | null;
    /** Seconds; 0 is the library's default. */
    readonly timeout: number;
  };
};

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** In OpenSSL's words. '' is the library's default. */
export type TlsParams = {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  readonly ciphers: string;
  readonly curves: string;
  readonly signatureAlgorithms: string;
  /** Where the keys of connections are written, so that recorded traffic can be read; null: nowhere. */
  readonly keyLog: KeyLog | null;
};

/** Connections between other addresses are left out; null: of none. */
export type KeyLog = {
  readonly lines: LineSink;
  readonly local: AddressTest | null;
  readonly remote: AddressTest | null;
};

export type UpstreamTlsConfig = TlsParams & {
  readonly certificate: SecretRef | null;
  readonly validation: ValidationConfig | null;
  readonly sni: string;
  /** The endpoint's host name goes before `sni`, where it has one. */
  readonly sniFromHost: boolean;
  /** The certificate must be for the name that was asked for, in place of `validation.sans`. */
  readonly verifiesSni: boolean;
  /** Names from the request; null: none are. */
  readonly requestNames: RequestNames | null;
  readonly alpn: readonly string[];
  /** Sessions that are kept to be resumed, of all endpoints together. */
  readonly mostSessions: number;
};

/** What a request's host says about the endpoint it goes to. */
export type RequestNames = {
  /** Lower case; '' is the authority. */
  readonly header: string;
  /** It is the name asked for. */
  readonly asked: boolean;
  /** The certificate must be for it. */
  readonly verified: boolean;
};

export type ValidationConfig = PeerChecks & {
  /** null: the chain is not verified, only what `PeerChecks` say. */
  readonly trust: SecretRef | null;
};

/** What is asked of a peer's certificate beside a chain to the trust bundle. */
export type PeerChecks = {
  /** One of the peer's SANs must satisfy one of these; [] accepts any certificate the trust bundle signed. */
  readonly sans: readonly SanMatcher[];
  /** SHA-256 of certificates (hex) and of public keys (base64); where there are any the peer's must be among them. */
  readonly hashes: ReadonlySet<string>;
  readonly keyHashes: ReadonlySet<string>;
  /** Every certificate passes, whatever is wrong with it. */
  readonly acceptUntrusted: boolean;
  /** Roots (PEM) by SPIFFE trust domain: a peer must be signed by those of its own. null: `trust` holds for all. */
  readonly trustDomains: ReadonlyMap<string, string> | null;
  /** Certificates there may be between the peer's and one of the trust bundle; null is the library's limit. */
  readonly maxDepth: number | null;
};

type SanMatcher = { readonly type: SanType | 'any'; matches(value: string): boolean };

export type SanType = 'uri' | 'dns' | 'ip' | 'email';

/** `sds`: by name from a secret source `inline`: PEM. `files`: watched ones. */
export type SecretRef =
  | { readonly kind: 'sds'; readonly name: string; readonly source: ConfigSource }
  | { readonly kind: 'inline'; readonly secret: SecretValue }
  | {
      readonly kind: 'files';
      /** Of what the resource says; not of what the files hold. */
      readonly name: string;
      readonly files: readonly string[];
      /** What they held when the resource came. */
      readonly secret: SecretValue;
      /** What they hold now. @throws when one cannot be read. */
      read(): SecretValue;
    };

export type SecretValue =
  | {
      readonly kind: 'certificate';
      readonly chain: string;
      readonly key: string;
      readonly password?: string;
      /** OCSP response (DER) for clients that ask. */
      readonly ocsp?: Buffer;
    }
  | {
      readonly kind: 'trust';
      /** '' where only `checks` hold: pinned certificates and keys. */
      readonly roots: string;
      readonly crl?: string;
      /** Asked beside what the place of use asks. */
      readonly checks?: PeerChecks;
    }
  | {
      /** What a filter shows or signs with, as bytes: one character each. */
      readonly kind: 'generic';
      readonly value: string;
    };
