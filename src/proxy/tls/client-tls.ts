// Connecting with TLS: verifies the chain against the given roots only, then the name, and resumes sessions per endpoint.
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { type Connector, type ConnectResult, connectError } from '../cluster/connector.ts';
import type { ClusterStats } from '../cluster/stats.ts';
import type { UpstreamTlsConfig } from '../config/types.ts';
import { ContextSource, type CurrentContext } from './context.ts';
import { subjectAltNames } from './peer.ts';
import type { SecretStore } from './secrets.ts';
import { acceptsName } from './verify.ts';

const NAME_REFUSED = 'ERR_PEER_NAME_REFUSED';

export class TlsConnector implements Connector {
  readonly #config: UpstreamTlsConfig;
  readonly #stats: ClusterStats;
  readonly #source: ContextSource;
  #current: CurrentContext | null = null;
  #context: SecureContext | null = null;
  /** Sessions by endpoint; forgotten with the context they were made in. */
  #sessions = new Map<string, Buffer>();

  constructor(config: UpstreamTlsConfig, stats: ClusterStats, secrets: SecretStore) {
    this.#config = config;
    this.#stats = stats;
    const { certificate, minVersion, maxVersion } = config;
    this.#source = new ContextSource(
      { certificate, trust: config.validation?.trust ?? null, minVersion, maxVersion },
      secrets,
    );
  }

  connect(address: string, port: number, result: ConnectResult): () => void {
    const context = this.#currentContext();
    if (typeof context === 'string') {
      this.#stats.ssl_connection_error += 1;
      // Later, as every other failure: the caller has not got its handle yet.
      const timer = setImmediate(() => result.onFailed(context));
      return () => clearImmediate(timer);
    }
    const key = `${address} ${port}`;
    const socket = connect({
      host: address,
      port,
      secureContext: context,
      servername: this.#config.sni,
      rejectUnauthorized: this.#config.validation !== null,
      checkServerIdentity: (_host, certificate) => this.#checkName(certificate),
      session: this.#sessions.get(key),
      ...(this.#config.alpn.length > 0 ? { ALPNProtocols: [...this.#config.alpn] } : {}),
    });
    socket.setNoDelay(true);
    socket.on('session', (session) => this.#sessions.set(key, session));
    return this.#await(socket, result);
  }

  #await(socket: TLSSocket, result: ConnectResult): () => void {
    const failed = (error: NodeJS.ErrnoException) => result.onFailed(this.#describe(error));
    const closed = () => result.onFailed('TLS error: closed during the handshake');
    const done = () => {
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
    };
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      done();
      this.#stats.ssl_handshake += 1;
      result.onConnected(socket, typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '');
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
    try {
      this.#context = createSecureContext(current.options);
    } catch (error) {
      return `certificate cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    }
    this.#current = current;
    this.#sessions = new Map();
    return this.#context;
  }

  #checkName(certificate: PeerCertificate): Error | undefined {
    const sans = this.#config.validation?.sans ?? [];
    if (acceptsName(sans, subjectAltNames(certificate.subjectaltname))) return undefined;
    return Object.assign(new Error('no accepted name in the certificate'), { code: NAME_REFUSED });
  }

  /** Counts the failure and words it as Envoy's transport failure reason. */
  #describe(error: NodeJS.ErrnoException): string {
    if (error.syscall === 'connect') return connectError(error);
    if (error.code === NAME_REFUSED) this.#stats.ssl_fail_verify_san += 1;
    else if (VERIFY_ERRORS.test(error.code ?? '')) this.#stats.ssl_fail_verify_error += 1;
    else this.#stats.ssl_connection_error += 1;
    return `TLS error: ${error.code ?? error.message}`;
  }
}

// OpenSSL's X509_V_ERR names, which Node uses as codes.
const VERIFY_ERRORS = /CERT|SELF_SIGNED|UNABLE_TO_|CHAIN|CRL|INVALID_CA|PURPOSE/;

function ignoreAfterGivingUp(): void {
  // The connection was already given up; its error tells nobody anything.
}
