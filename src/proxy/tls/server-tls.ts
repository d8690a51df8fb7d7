// Accepting TLS: raw socket → secured socket with a verified peer. One per filter chain; certificates are swapped underneath it.

import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContext, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { DownstreamTlsConfig } from '../config/tls-types.ts';
import type { PeerTls } from '../http/exchange.ts';
import { CertificateChoice } from './certificate-choice.ts';
import { ContextSource, type CurrentContext, type OwnCertificate, SHOWS_NOTHING } from './context.ts';
import { type LocalEnd, peerOf } from './peer.ts';
import type { SecretStore } from './secrets.ts';
import { refusePeer, type VerifyFailure, verifyWords } from './verify.ts';

export type HandshakeFailure = 'ssl_connection_error' | 'ssl_fail_verify_no_cert' | VerifyFailure;

export type HandshakeResult = {
  onSecure(socket: Socket, peer: PeerTls, resumed: boolean): void;
  /** The raw socket is closed. */
  onFailed(failure: HandshakeFailure, detail: string): void;
};

/** 48 bytes that all threads of the proxy derive alike from the same text. */
export type SharedTicketKeys = (of: string) => Buffer;

const NOTHING = Buffer.alloc(0);

type Chosen = (error: Error | null, context?: SecureContext) => void;

export class ServerTls {
  readonly #config: DownstreamTlsConfig;
  readonly #context: ContextSource;
  readonly #sharedKeys: SharedTicketKeys | null;
  /** Milliseconds since the epoch. */
  readonly #now: () => number;
  #server: Server | null = null;
  #current: CurrentContext | null = null;
  #choice: CertificateChoice | null = null;
  /** Handshakes in progress by the socket that was given. */
  readonly #pending = new Map<Socket, { readonly result: HandshakeResult; readonly local: LocalEnd }>();

  /** With `sharedKeys` a session that was made in one thread is resumed in any; null: there is no other. */
  constructor(
    config: DownstreamTlsConfig,
    secrets: SecretStore,
    sharedKeys: SharedTicketKeys | null,
    now: () => number,
  ) {
    this.#config = config;
    this.#now = now;
    this.#sharedKeys = sharedKeys;
    this.#context = new ContextSource(config, secrets);
  }

  accept(socket: Socket, result: HandshakeResult): void {
    const server = this.#serverWithSecrets();
    if (typeof server === 'string') {
      socket.destroy();
      result.onFailed('ssl_connection_error', server);
      return;
    }
    this.#pending.set(socket, { result, local: this.#current?.local ?? SHOWS_NOTHING });
    socket.once('close', () => this.#fail(socket, 'ssl_connection_error', 'closed during the handshake'));
    server.emit('connection', socket);
  }

  #serverWithSecrets(): Server | string {
    const current = this.#context.get();
    if (typeof current === 'string') return current;
    if (this.#server !== null && current === this.#current) return this.#server;
    const choice = new CertificateChoice(current);
    const certificates = choice.certificatesFor('');
    try {
      // Also the session tickets' keys are new then: a resumed session cannot outlive the trust it was verified by.
      const options = { ...current.options(certificates), ...this.#sessionOptions(current) };
      if (this.#server === null) this.#server = this.#createServer(options, current.certificates.length > 1);
      else this.#server.setSecureContext(options);
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
      ...(tickets ? {} : { secureOptions: constants.SSL_OP_NO_TICKET }),
      ...(ticketKeys === null ? {} : { ticketKeys }),
      ...(timeout === 0 ? {} : { sessionTimeout: timeout }),
    };
  }

  #createServer(options: TlsOptions, several: boolean): Server {
    const { validation, requireClientCertificate, alpn } = this.#config;
    const server = createServer({
      ...options,
      requestCert: validation !== null || requireClientCertificate,
      // Node would close without saying why: `#refusal` decides instead, right after the handshake.
      rejectUnauthorized: false,
      ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
      ...(several ? { SNICallback: (name: string, done: Chosen) => this.#choose(name, done) } : {}),
    });
    server.on('secureConnection', (socket) => this.#guarded(socket));
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      this.#fail(givenTo(socket), 'ssl_connection_error', error.code ?? error.message);
    });
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

  #secured(socket: TLSSocket): void {
    const given = givenTo(socket);
    const pending = this.#pending.get(given);
    if (pending === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#refusal(socket);
    if (refusal !== null) {
      this.#fail(given, refusal, String(socket.authorizationError ?? wordsOf(refusal)));
      socket.destroy();
      return;
    }
    const serverName = typeof socket.servername === 'string' ? socket.servername : '';
    const peer = peerOf(socket, pending.local, serverName);
    this.#pending.delete(given);
    pending.result.onSecure(socket, peer, socket.isSessionReused());
  }

  /** The boundary of exceptions: a certificate we cannot read costs its connection. */
  #guarded(socket: TLSSocket): void {
    try {
      this.#secured(socket);
    } catch (error) {
      this.#fail(givenTo(socket), 'ssl_connection_error', String(error));
      socket.destroy();
    }
  }

  /** A certificate that was not required must still be good when it is shown. */
  #refusal(socket: TLSSocket): HandshakeFailure | null {
    const { requireClientCertificate } = this.#config;
    const validation = this.#current?.validation ?? null;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return requireClientCertificate ? 'ssl_fail_verify_no_cert' : null;
    if (validation === null) return null;
    // What clients send behind their certificate the library verifies, and keeps to itself.
    return refusePeer({ certificate, issuers: [] }, socket.authorized, validation);
  }

  #fail(given: Socket, failure: HandshakeFailure, detail: string): void {
    const pending = this.#pending.get(given);
    if (pending === undefined) return;
    this.#pending.delete(given);
    pending.result.onFailed(failure, detail);
  }
}

function wordsOf(failure: HandshakeFailure): string {
  if (failure === 'ssl_fail_verify_no_cert') return 'no certificate';
  return failure === 'ssl_connection_error' ? failure : verifyWords[failure];
}

/** Node says which TLS socket is secure; the one it is laid over is known to the socket alone. */
function givenTo(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { readonly _parent: Socket })._parent;
}
