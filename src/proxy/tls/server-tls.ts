// Accepting TLS: raw socket → secured socket with a verified peer. One per filter chain; certificates are swapped underneath it.

import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContext, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { maySign } from '../../lib/certificate-fields.ts';
import type { DownstreamTlsConfig } from '../config/tls-types.ts';
import type { PeerTls } from '../http/exchange.ts';
import type { TlsCounts } from '../http/tls-counts.ts';
import { CertificateChoice } from './certificate-choice.ts';
import { ContextSource, type CurrentContext, type OwnCertificate, SHOWS_NOTHING } from './context.ts';
import { chainFailure, KEY_USAGE, libraryFailure, NO_CERTIFICATE } from './failure-words.ts';
import { writeKey } from './key-log.ts';
import { type LocalEnd, peerOf } from './peer.ts';
import type { SecretStore } from './secrets.ts';
import { sessionContext } from './session-context.ts';
import { faultOf, refusePeer, type VerifyFailure, wordsOfRefusal } from './verify.ts';

/** The counters of failures. */
export type HandshakeFailure = 'connection_error' | 'fail_verify_no_cert' | VerifyFailure;

export type HandshakeResult = {
  onSecure(socket: Socket, peer: PeerTls, resumed: boolean): void;
  /** The raw socket is closed. null: the client has gone, which is no failure of TLS. `detail` is in Envoy's words, '' for none. */
  onFailed(failure: HandshakeFailure | null, detail: string): void;
};

/** 48 bytes that all threads of the proxy derive alike from the same text. */
export type SharedTicketKeys = (of: string) => Buffer;

const NOTHING = Buffer.alloc(0);

type Refusal = Exclude<HandshakeFailure, 'connection_error'>;

type Chosen = (error: Error | null, context?: SecureContext) => void;

export class ServerTls {
  readonly #config: DownstreamTlsConfig;
  readonly #context: ContextSource;
  readonly #sharedKeys: SharedTicketKeys | null;
  readonly #counts: TlsCounts;
  /** Milliseconds since the epoch. */
  readonly #now: () => number;
  #server: Server | null = null;
  #current: CurrentContext | null = null;
  #choice: CertificateChoice | null = null;
  /** Of the server. */
  #alerts = false;
  /** Handshakes in progress by the socket that was given. */
  readonly #pending = new Map<Socket, { readonly result: HandshakeResult; readonly local: LocalEnd }>();

  /** With `sharedKeys` a session that was made in one thread is resumed in any; null: there is no other. `counts`: for what is stapled. */
  constructor(
    config: DownstreamTlsConfig,
    secrets: SecretStore,
    sharedKeys: SharedTicketKeys | null,
    counts: TlsCounts,
    now: () => number,
  ) {
    this.#config = config;
    this.#now = now;
    this.#sharedKeys = sharedKeys;
    this.#counts = counts;
    this.#context = new ContextSource(config, secrets);
  }

  accept(socket: Socket, result: HandshakeResult): void {
    const server = this.#serverWithSecrets();
    if (typeof server === 'string') {
      socket.destroy();
      result.onFailed('connection_error', server);
      return;
    }
    this.#pending.set(socket, { result, local: this.#current?.local ?? SHOWS_NOTHING });
    // Later: the socket laid over it closes after it, and may know more.
    socket.once('close', () => setImmediate(() => this.#fail(socket, null, '')));
    // Who ends its side in a handshake has nothing more to say. The socket laid over it is like it.
    socket.allowHalfOpen = false;
    server.emit('connection', socket);
  }

  #serverWithSecrets(): Server | string {
    const current = this.#context.get();
    if (typeof current === 'string') return current;
    if (this.#server !== null && current === this.#current) return this.#server;
    const sessionIdContext = sessionContext(this.#config, current);
    const choice = new CertificateChoice(current, sessionIdContext, this.#config.suitsUnknownNames);
    const certificates = choice.certificatesFor('');
    try {
      // Also the session tickets' keys are new then, unless they are configured: a resumed session cannot outlive the trust it was verified by.
      const options = { ...current.options(certificates), ...this.#sessionOptions(current), sessionIdContext };
      const alerts = this.#canAlert(current);
      if (this.#server === null || alerts !== this.#alerts) this.#server = this.#createServer(options, current, alerts);
      else this.#server.setSecureContext(options);
      this.#alerts = alerts;
    } catch (error) {
      return `certificate cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    }
    this.#offerStaples(this.#server, current);
    this.#current = current;
    this.#choice = choice;
    return this.#server;
  }

  #sessionOptions(current: CurrentContext): TlsOptions {
    const { tickets, ticketKeys: configured, timeout } = this.#config.sessions;
    const ticketKeys = configured ?? this.#sharedKeys?.(current.identity) ?? null;
    return {
      honorCipherOrder: !this.#config.clientChoosesCipher,
      // As Envoy's library: who a client is does not change while it is connected.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (tickets ? 0 : constants.SSL_OP_NO_TICKET),
      ...(ticketKeys === null ? {} : { ticketKeys }),
      ...(timeout === 0 ? {} : { sessionTimeout: timeout }),
    };
  }

  /** The library tells a client that it lacks a certificate where it may refuse chains itself, too. */
  #canAlert({ validation }: CurrentContext): boolean {
    return this.#config.requireClientCertificate && validation?.roots !== '' && validation?.acceptUntrusted === false;
  }

  #createServer(options: TlsOptions, { certificates }: CurrentContext, rejectUnauthorized: boolean): Server {
    const { validation, requireClientCertificate, alpn, keyLog } = this.#config;
    const several = certificates.length > 1;
    const server = createServer({
      ...options,
      requestCert: validation !== null || requireClientCertificate,
      // Elsewhere Node would close without saying why: `#refusal` decides, right after the handshake.
      rejectUnauthorized,
      ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
      ...(several ? { SNICallback: (name: string, done: Chosen) => this.#choose(name, done) } : {}),
    });
    server.on('secureConnection', (socket) => this.#guarded(socket));
    server.on('tlsClientError', (error, socket) => this.#broken(socket, error));
    if (keyLog !== null) server.on('keylog', (line, socket) => writeKey(keyLog, line, givenTo(socket)));
    return server;
  }

  #choose(serverName: string, done: Chosen): void {
    const context = this.#choice?.contextFor(serverName);
    if (context === undefined || typeof context === 'string') done(new Error(context ?? 'no certificate'));
    else done(null, context);
  }

  /** Only where a staple is there or missed: with a listener every handshake asks in JavaScript for its certificate. */
  #offerStaples(server: Server, { certificates }: CurrentContext): void {
    const matters = ({ staple, mustStaple }: OwnCertificate) => staple !== null || mustStaple;
    if (server.listenerCount('OCSPRequest') > 0) return;
    if (this.#config.stapling !== 'must' && !certificates.some(matters)) return;
    server.on('OCSPRequest', (certificate, _issuer, done) => {
      const staple = this.#staple(certificate);
      this.#countStaple(staple);
      if (staple === 'missing') done(new Error('no valid OCSP response'), NOTHING);
      else done(null, staple);
    });
  }

  /** Asked where the client asked; null: the handshake goes on without one. */
  #staple(certificate: Buffer): Buffer | 'missing' | null {
    const own = this.#current?.certificates.find(({ leaf }) => leaf.raw.equals(certificate));
    if (own === undefined) return null;
    const policy = own.mustStaple ? 'must' : this.#config.stapling;
    const { staple } = own;
    if (staple !== null && this.#now() < staple.expires) return own.secret.ocsp ?? null;
    return policy === 'must' || (policy === 'strict' && staple !== null) ? 'missing' : null;
  }

  #countStaple(staple: Buffer | 'missing' | null): void {
    this.#counts.ocsp_staple_requests += 1;
    if (staple === 'missing') this.#counts.ocsp_staple_failed += 1;
    else if (staple === null) this.#counts.ocsp_staple_omitted += 1;
    else this.#counts.ocsp_staple_responses += 1;
  }

  #secured(socket: TLSSocket): void {
    const given = givenTo(socket);
    const pending = this.#pending.get(given);
    if (pending === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#refusal(socket);
    if (refusal !== null) {
      this.#fail(given, refusal, wordsOf(refusal, socket));
      socket.destroy();
      return;
    }
    const serverName = typeof socket.servername === 'string' ? socket.servername : '';
    const peer = peerOf(socket, pending.local, serverName);
    const fault = this.#faultOf(peer);
    if (fault !== null) {
      this.#fail(given, 'connection_error', fault);
      socket.destroy();
      return;
    }
    this.#pending.delete(given);
    socket.allowHalfOpen = true;
    pending.result.onSecure(socket, peer, socket.isSessionReused());
  }

  /** The boundary of exceptions: a certificate we cannot read costs its connection. */
  #guarded(socket: TLSSocket): void {
    try {
      this.#secured(socket);
    } catch (error) {
      this.#fail(givenTo(socket), 'connection_error', String(error));
      socket.destroy();
    }
  }

  /** What the library lets pass; null: nothing. */
  #faultOf({ sni, certificate }: PeerTls): string | null {
    if (certificate !== null && !maySign(certificate)) return KEY_USAGE;
    if (this.#config.requiresServerName && this.#choice?.isFor(sni) !== true) return NO_SERVER_NAME;
    return null;
  }

  /** A certificate that was not required must still be good when it is shown. */
  #refusal(socket: TLSSocket): Refusal | null {
    const { requireClientCertificate } = this.#config;
    const validation = this.#current?.validation ?? null;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return requireClientCertificate ? 'fail_verify_no_cert' : null;
    if (validation === null) return null;
    // What clients send behind their certificate the library verifies, and keeps to itself.
    return refusePeer({ certificate, issuers: [] }, socket.authorized, validation);
  }

  /** The library, or the client, broke the handshake off. */
  #broken(socket: TLSSocket, error: NodeJS.ErrnoException): void {
    const given = givenTo(socket);
    const fault = faultOf(socket);
    if (fault !== null) this.#fail(given, 'fail_verify_error', chainFailure(fault));
    else if (error.code === LACKS_CERTIFICATE) this.#fail(given, 'fail_verify_no_cert', NO_CERTIFICATE);
    else {
      const { words, counts } = libraryFailure(error);
      this.#fail(given, counts ? 'connection_error' : null, words);
    }
  }

  #fail(given: Socket, failure: HandshakeFailure | null, detail: string): void {
    const pending = this.#pending.get(given);
    if (pending === undefined) return;
    this.#pending.delete(given);
    pending.result.onFailed(failure, detail);
  }
}

/** Envoy knows `require_sni`, and does not ask for it. */
const NO_SERVER_NAME = 'TLS_error:|no certificate is for the server name:TLS_error_end';

const LACKS_CERTIFICATE = 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';

function wordsOf(failure: Refusal, socket: TLSSocket): string {
  if (failure === 'fail_verify_no_cert') return NO_CERTIFICATE;
  return wordsOfRefusal(failure, socket.getPeerX509Certificate(), faultOf(socket));
}

/** Node says which TLS socket is secure; the one it is laid over is known to the socket alone. */
function givenTo(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { readonly _parent: Socket })._parent;
}
