// Connecting with TLS: verifies the chain against the given roots only, then the name, and resumes sessions per endpoint.
import type { Socket } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { maySign } from '../../lib/certificate-fields.ts';
import { type Connector, type ConnectResult, connectError, type Purpose } from '../cluster/connector.ts';
import { socketPlace } from '../cluster/origin-sockets.ts';
import type { ClusterStats } from '../cluster/stats.ts';
import type { UpstreamTlsConfig } from '../config/tls-types.ts';
import type { UpstreamTls } from '../http/exchange.ts';
import { ContextSource, type CurrentContext, makeContext } from './context.ts';
import { KEY_USAGE, libraryFailure } from './failure-words.ts';
import { writeKey } from './key-log.ts';
import { type PeerChain, peerChainOf } from './peer.ts';
import { purposeWith } from './request-names.ts';
import type { SecretStore } from './secrets.ts';
import { SessionCache } from './session-cache.ts';
import type { CurrentValidation } from './validation.ts';
import { faultOf, isForHost, refusePeer, type VerifyFailure, wordsOfRefusal } from './verify.ts';

/** A session, and the certificate of the peer it was made with: a resumed TLS 1.3 handshake shows none. */
type Resumable = { readonly session: Buffer; readonly peer: PeerChain | undefined };

/** An address to connect to, or a socket that is. */
type Where = ReturnType<typeof socketPlace> | { readonly socket: Socket };

type Usable = { readonly context: SecureContext; readonly validation: CurrentValidation | null };

/** One handshake: the name that is asked for, and what the peer must show. */
type Handshake = Usable & {
  readonly serverName: string;
  /** The certificate must be for one of these; [] asks for none. */
  readonly hosts: readonly string[];
  /** Handshakes that may resume one another's sessions. */
  readonly key: string;
  readonly alpn: readonly string[];
};

const NONE: readonly string[] = [];

export class TlsConnector implements Connector {
  readonly purposeOf: Connector['purposeOf'];
  readonly #config: UpstreamTlsConfig;
  readonly #stats: ClusterStats;
  readonly #source: ContextSource;
  readonly #below: Connector | null;
  #current: CurrentContext | null = null;
  #usable: Usable | null = null;
  /** Sessions by endpoint; forgotten with the context they were made in. */
  #sessions: SessionCache<Resumable>;

  /** `below` makes the sockets that TLS is spoken on; null: plain ones, made in the same step. */
  constructor(config: UpstreamTlsConfig, stats: ClusterStats, secrets: SecretStore, below: Connector | null = null) {
    this.#config = config;
    this.#stats = stats;
    this.#below = below;
    this.#sessions = new SessionCache(config.mostSessions);
    const certificates = config.certificate === null ? [] : [config.certificate];
    this.#source = new ContextSource({ ...config, certificates }, secrets);
    this.purposeOf = purposeWith(config.requestNames, below);
  }

  connect(address: string, port: number, result: ConnectResult, purpose: Purpose | null = null): () => void {
    const current = this.#currentContext();
    if (typeof current === 'string') {
      this.#stats.ssl.connection_error += 1;
      // Later, as every other failure: the caller has not got its handle yet.
      const timer = setImmediate(() => result.onFailed(current));
      return () => clearImmediate(timer);
    }
    const handshake = this.#handshakeWith(current, `${address} ${port}`, purpose);
    if (this.#below === null) return this.#secure(handshake, socketPlace(address, port), result);
    const connected: ConnectResult = {
      onConnected: (socket) => {
        giveUp = this.#secure(handshake, { socket }, result);
      },
      onFailed: (detail) => result.onFailed(detail),
    };
    let giveUp = this.#below.connect(address, port, connected, purpose);
    return () => giveUp();
  }

  #handshakeWith({ context, validation }: Usable, place: string, purpose: Purpose | null): Handshake {
    const { sni, sniFromHost, verifiesSni } = this.#config;
    const serverName = purpose?.serverName || (sniFromHost && purpose?.hostName) || sni;
    const hosts = purpose?.hosts ?? NONE;
    const key = `${place} ${serverName}`;
    const alpn = purpose !== null && purpose.alpn.length > 0 ? purpose.alpn : this.#config.alpn;
    const handshake = { context, serverName, key, alpn };
    if (!verifiesSni || serverName === '' || validation === null) return { ...handshake, validation, hosts };
    return { ...handshake, validation: { ...validation, sans: [] }, hosts: [...hosts, serverName] };
  }

  #secure(handshake: Handshake, where: Where, result: ConnectResult): () => void {
    const { key, context, serverName, alpn } = handshake;
    const known = this.#sessions.get(key);
    const socket = connect({
      ...where,
      secureContext: context,
      servername: serverName,
      // Node would close without saying why: `refusal` decides instead, right after the handshake, and for resumed sessions too.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      session: known?.session,
      ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    });
    socket.setNoDelay(true);
    const { keyLog, mostSessions } = this.#config;
    if (keyLog !== null) socket.on('keylog', (line) => writeKey(keyLog, line, socket));
    const remember = mostSessions > 0 ? this.#keepSessions(socket, key) : () => undefined;
    return this.#await(socket, handshake, known?.peer, remember, result);
  }

  /** Sessions of a peer count once it was accepted (the result is called): a resumed one is not verified by the library again. */
  #keepSessions(socket: TLSSocket, key: string): (peer: PeerChain | undefined) => void {
    const sessions = this.#sessions;
    let accepted: Pick<Resumable, 'peer'> | null = null;
    let early: Buffer | null = null;
    socket.on('session', (session) => {
      if (accepted === null) early = session;
      else sessions.set(key, { session, ...accepted });
    });
    return (peer) => {
      accepted = { peer };
      if (early !== null) sessions.set(key, { session: early, peer });
    };
  }

  #await(
    socket: TLSSocket,
    handshake: Handshake,
    known: PeerChain | undefined,
    remember: (peer: PeerChain | undefined) => void,
    result: ConnectResult,
  ): () => void {
    const failed = (error: NodeJS.ErrnoException) => result.onFailed(this.#word(error));
    const closed = () => result.onFailed('');
    const done = () => {
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
    };
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      done();
      const shown = peerChainOf(socket, handshake.validation?.looksAtIssuers === true);
      const peer = socket.isSessionReused() && known !== undefined ? known : shown;
      const refusal = refusalOf(handshake, socket, peer);
      if (refusal !== null) {
        this.#stats.ssl[refusal] += 1;
        socket.on('error', ignoreAfterGivingUp);
        socket.destroy();
        result.onFailed(
          refusal === 'connection_error' ? KEY_USAGE : wordsOfRefusal(refusal, peer?.certificate, faultOf(socket)),
        );
        return;
      }
      remember(peer);
      const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '';
      const agreed = this.#describe(socket, handshake, peer);
      const resumed = socket.isSessionReused();
      this.#stats.ssl.count({ ...agreed, curve: groupOf(socket), resumed });
      result.onConnected(socket, alpn, agreed);
    });
    return () => {
      done();
      socket.on('error', ignoreAfterGivingUp);
      socket.destroy();
    };
  }

  /** A string says why there is none. */
  #currentContext(): Usable | string {
    const current = this.#source.get();
    if (typeof current === 'string') return current;
    if (this.#usable !== null && current === this.#current) return this.#usable;
    const made = makeContext(current.options(current.certificates));
    if (typeof made === 'string') return made;
    this.#usable = { context: made, validation: current.validation };
    this.#current = current;
    this.#sessions = new SessionCache(this.#config.mostSessions);
    return this.#usable;
  }

  #describe(socket: TLSSocket, { serverName }: Handshake, peer: PeerChain | undefined): UpstreamTls {
    return {
      version: socket.getProtocol() ?? '',
      cipher: socket.getCipher().name ?? '',
      sni: serverName,
      certificate: peer?.certificate.raw ?? null,
      localCertificate: this.#current?.local.certificate ?? null,
    };
  }

  /** Counts the failure and words it as Envoy's transport failure reason. */
  #word(error: NodeJS.ErrnoException): string {
    if (error.syscall === 'connect') return connectError(error);
    const { words, counts } = libraryFailure(error);
    if (counts) this.#stats.ssl.connection_error += 1;
    return words;
  }
}

/** Envoy's names of groups that the library calls otherwise. */
const GROUPS: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** '' where no keys were exchanged. */
function groupOf(socket: TLSSocket): string {
  const group = socket.getEphemeralKeyInfo();
  const name = group !== null && 'name' in group ? String(group.name) : '';
  return GROUPS[name] ?? name;
}

function refusalOf(
  { validation, hosts }: Handshake,
  socket: TLSSocket,
  peer: PeerChain | undefined,
): VerifyFailure | 'connection_error' | null {
  if (peer !== undefined && !mayAgree(peer, socket)) return 'connection_error';
  if (validation === null) return null;
  if (peer === undefined) return 'fail_verify_error';
  const refusal = refusePeer(peer, socket.authorized, validation);
  if (refusal !== null || validation.acceptUntrusted || hosts.length === 0) return refusal;
  return isForHost(peer.certificate, hosts) ? null : 'fail_verify_san';
}

/** Key exchanges of old (`AES128-SHA`) are the only ones in which a server does not sign. */
function mayAgree({ certificate }: PeerChain, socket: TLSSocket): boolean {
  return maySign(certificate.raw) || !/^(TLS_|ECDHE-|DHE-)/.test(socket.getCipher().name ?? '');
}

function ignoreAfterGivingUp(): void {
  // The connection was already given up; its error tells nobody anything.
}
