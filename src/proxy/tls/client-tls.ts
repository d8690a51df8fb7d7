// Connecting with TLS: verifies the chain against the given roots only, then the name, and resumes sessions per endpoint.
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { type Connector, type ConnectResult, connectError, type Purpose, socketPlace } from '../cluster/connector.ts';
import type { ClusterStats } from '../cluster/stats.ts';
import type { UpstreamTlsConfig } from '../config/types.ts';
import type { UpstreamTls } from '../http/exchange.ts';
import { ContextSource, type CurrentContext, makeContext } from './context.ts';
import type { SecretStore } from './secrets.ts';
import { refusePeer, type VerifyFailure, verifyWords } from './verify.ts';

/** A session, and the certificate of the peer it was made with: a resumed TLS 1.3 handshake shows none. */
type Resumable = { readonly session: Buffer; readonly certificate: X509Certificate | undefined };

/** An address to connect to, or a socket that is. */
type Where = ReturnType<typeof socketPlace> | { readonly socket: Socket };

export class TlsConnector implements Connector {
  readonly #config: UpstreamTlsConfig;
  readonly #stats: ClusterStats;
  readonly #source: ContextSource;
  #current: CurrentContext | null = null;
  #context: SecureContext | null = null;
  /** Sessions by endpoint; forgotten with the context they were made in. */
  #sessions = new Map<string, Resumable>();

  readonly #below: Connector | null;

  /** `below` makes the sockets that TLS is spoken on; null: plain ones, made in the same step. */
  constructor(config: UpstreamTlsConfig, stats: ClusterStats, secrets: SecretStore, below: Connector | null = null) {
    this.#below = below;
    this.#config = config;
    this.#stats = stats;
    const { certificate, validation } = config;
    const certificates = certificate === null ? [] : [certificate];
    this.#source = new ContextSource({ ...config, certificates, trust: validation?.trust ?? null }, secrets);
  }

  get purposeOf(): Connector['purposeOf'] {
    return this.#below?.purposeOf;
  }

  connect(address: string, port: number, result: ConnectResult, purpose: Purpose | null = null): () => void {
    const context = this.#currentContext();
    if (typeof context === 'string') {
      this.#stats.ssl_connection_error += 1;
      // Later, as every other failure: the caller has not got its handle yet.
      const timer = setImmediate(() => result.onFailed(context));
      return () => clearImmediate(timer);
    }
    const key = `${address} ${port}`;
    if (this.#below === null) return this.#secure(context, socketPlace(address, port), key, result);
    let giveUp = this.#below.connect(
      address,
      port,
      {
        onConnected: (socket) => {
          giveUp = this.#secure(context, { socket }, key, result);
        },
        onFailed: (detail) => result.onFailed(detail),
      },
      purpose,
    );
    return () => giveUp();
  }

  /** The handshake with an endpoint, whose sessions are kept by `key`. */
  #secure(context: SecureContext, where: Where, key: string, result: ConnectResult): () => void {
    const known = this.#sessions.get(key);
    const socket = connect({
      ...where,
      secureContext: context,
      servername: this.#config.sni,
      // Node would close without saying why: `#refusal` decides instead, right after the handshake, and for resumed sessions too.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      session: known?.session,
      ...(this.#config.alpn.length > 0 ? { ALPNProtocols: [...this.#config.alpn] } : {}),
    });
    socket.setNoDelay(true);
    const remember = this.#config.resumes ? this.#keepSessions(socket, key) : () => undefined;
    return this.#await(socket, known?.certificate, remember, result);
  }

  /** Sessions of a peer count once it was accepted (the result is called): a resumed one is not verified by the library again. */
  #keepSessions(socket: TLSSocket, key: string): (certificate: X509Certificate | undefined) => void {
    const sessions = this.#sessions;
    let accepted: { readonly certificate: X509Certificate | undefined } | null = null;
    let early: Buffer | null = null;
    socket.on('session', (session) => {
      if (accepted === null) early = session;
      else sessions.set(key, { session, ...accepted });
    });
    return (certificate) => {
      accepted = { certificate };
      if (early !== null) sessions.set(key, { session: early, certificate });
    };
  }

  #await(
    socket: TLSSocket,
    known: X509Certificate | undefined,
    remember: (certificate: X509Certificate | undefined) => void,
    result: ConnectResult,
  ): () => void {
    const failed = (error: NodeJS.ErrnoException) => result.onFailed(this.#word(error));
    const closed = () => result.onFailed('TLS error: closed during the handshake');
    const done = () => {
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
    };
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      done();
      const certificate = socket.getPeerX509Certificate() ?? (socket.isSessionReused() ? known : undefined);
      const refusal = this.#refusal(socket, certificate);
      if (refusal !== null) {
        this.#stats[refusal] += 1;
        socket.on('error', ignoreAfterGivingUp);
        socket.destroy();
        result.onFailed(`TLS error: ${String(socket.authorizationError ?? verifyWords[refusal])}`);
        return;
      }
      remember(certificate);
      this.#stats.ssl_handshake += 1;
      if (socket.isSessionReused()) this.#stats.ssl_session_reused += 1;
      const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '';
      result.onConnected(socket, alpn, this.#describe(socket, certificate));
    });
    return () => {
      done();
      socket.on('error', ignoreAfterGivingUp);
      socket.destroy();
    };
  }

  #currentContext(): SecureContext | string {
    const current = this.#source.get();
    if (typeof current === 'string') return current;
    if (this.#context !== null && current === this.#current) return this.#context;
    const made = makeContext(current.options(current.certificates));
    if (typeof made === 'string') return made;
    this.#context = made;
    this.#current = current;
    this.#sessions = new Map();
    return this.#context;
  }

  #refusal(socket: TLSSocket, certificate: X509Certificate | undefined): VerifyFailure | null {
    const { validation } = this.#config;
    if (validation === null) return null;
    return certificate === undefined ? 'ssl_fail_verify_error' : refusePeer(certificate, socket.authorized, validation);
  }

  #describe(socket: TLSSocket, certificate: X509Certificate | undefined): UpstreamTls {
    return {
      version: socket.getProtocol() ?? '',
      cipher: socket.getCipher().name ?? '',
      sni: this.#config.sni,
      certificate: certificate?.raw ?? null,
      localCertificate: this.#current?.local.certificate ?? null,
    };
  }

  /** Counts the failure and words it as Envoy's transport failure reason. */
  #word(error: NodeJS.ErrnoException): string {
    if (error.syscall === 'connect') return connectError(error);
    this.#stats.ssl_connection_error += 1;
    return `TLS error: ${error.code ?? error.message}`;
  }
}

function ignoreAfterGivingUp(): void {
  // The connection was already given up; its error tells nobody anything.
}
