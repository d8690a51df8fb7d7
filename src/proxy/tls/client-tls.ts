// Connecting with TLS: verifies the chain against the given roots only, then the name, and resumes sessions per endpoint.
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { type Connector, type ConnectResult, connectError } from '../cluster/connector.ts';
import type { ClusterStats } from '../cluster/stats.ts';
import type { UpstreamTlsConfig } from '../config/types.ts';
import { ContextSource, type CurrentContext, makeContext } from './context.ts';
import type { SecretStore } from './secrets.ts';
import { refusePeer, type VerifyFailure, verifyWords } from './verify.ts';

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
    const { certificate, validation } = config;
    const certificates = certificate === null ? [] : [certificate];
    this.#source = new ContextSource({ ...config, certificates, trust: validation?.trust ?? null }, secrets);
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
      // Node would close without saying why: `#refusal` decides instead, right after the handshake, and for resumed sessions too.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      session: this.#sessions.get(key),
      ...(this.#config.alpn.length > 0 ? { ALPNProtocols: [...this.#config.alpn] } : {}),
    });
    socket.setNoDelay(true);
    if (this.#config.resumes) socket.on('session', (session) => this.#sessions.set(key, session));
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
      const refusal = this.#refusal(socket);
      if (refusal !== null) {
        this.#stats[refusal] += 1;
        socket.on('error', ignoreAfterGivingUp);
        socket.destroy();
        result.onFailed(`TLS error: ${String(socket.authorizationError ?? verifyWords[refusal])}`);
        return;
      }
      this.#stats.ssl_handshake += 1;
      if (socket.isSessionReused()) this.#stats.ssl_session_reused += 1;
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
    const made = makeContext(current.options(current.certificates));
    if (typeof made === 'string') return made;
    this.#context = made;
    this.#current = current;
    this.#sessions = new Map();
    return this.#context;
  }

  #refusal(socket: TLSSocket): VerifyFailure | null {
    const { validation } = this.#config;
    if (validation === null) return null;
    const certificate = socket.getPeerX509Certificate();
    return certificate === undefined ? 'ssl_fail_verify_error' : refusePeer(certificate, socket.authorized, validation);
  }

  /** Counts the failure and words it as Envoy's transport failure reason. */
  #describe(error: NodeJS.ErrnoException): string {
    if (error.syscall === 'connect') return connectError(error);
    this.#stats.ssl_connection_error += 1;
    return `TLS error: ${error.code ?? error.message}`;
  }
}

function ignoreAfterGivingUp(): void {
  // The connection was already given up; its error tells nobody anything.
}
