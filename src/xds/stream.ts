// Carries one session over one gRPC call: who may open it, when it is woken, and how it ends.
import { type ServerDuplexStream, type ServerErrorResponse, status } from '@grpc/grpc-js';
import type { SnapshotCache } from './cache.ts';
import type { Node } from './gen/envoy/config/core/v3/base_pb.ts';
import { type Peer, peerOf } from './peer.ts';
import type { Protocol } from './protocol.ts';
import { LimitExceeded, Session } from './session.ts';

export type Authorization =
  | { readonly ok: true; readonly nodeId: string }
  | { readonly ok: false; readonly reason: string };

/** `peer` is whom the verified client certificate names; null on a plaintext port. */
export type Authorize = (node: Node, peer: Peer | null) => Authorization;

/** Fields first, then the message, as pino takes them. */
export type XdsLog = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

export type StreamContext = {
  readonly cache: SnapshotCache;
  readonly authorize: Authorize;
  readonly log: XdsLog;
  readonly requireCertificate: boolean;
  readonly maxNames: number;
  readonly maxStreamsPerNode: number;
  /** Milliseconds in which a stream must say who it is. */
  readonly identifyTimeout: number;
  /** Open streams by node id. */
  readonly streams: Map<string, number>;
};

type Call = ServerDuplexStream<Uint8Array, Uint8Array>;
type Ending = { readonly code: status; readonly details: string };
type Opened<Request> = { readonly session: Session<Request>; close(): void };

export function serveStream<Request>(call: Call, protocol: Protocol<Request>, context: StreamContext): void {
  let opened: Opened<Request> | null = null;
  let ended = false;
  const close = (): void => {
    ended = true;
    clearTimeout(identify);
    opened?.close();
    opened = null;
  };
  const end = (ending: Ending): void => {
    if (ended) return;
    context.log.warn({ peer: call.getPeer(), reason: ending.details }, 'xds stream refused');
    close();
    const error: Partial<ServerErrorResponse> = ending;
    call.emit('error', error);
  };
  const identify = setTimeout(
    () => end({ code: status.DEADLINE_EXCEEDED, details: 'the stream never said which node it is' }),
    context.identifyTimeout,
  );
  identify.unref();
  call.on('data', (bytes: Uint8Array) => {
    if (ended) return;
    try {
      const request = protocol.parse(bytes);
      if (opened === null) {
        const result = openSession(call, protocol, request, context);
        if ('code' in result) return end(result);
        clearTimeout(identify);
        opened = result;
      }
      opened.session.receive(request);
    } catch (error) {
      end(endingOf(error));
    }
  });
  call.on('end', () => {
    close();
    call.end();
  });
  call.on('cancelled', close);
  call.on('close', close);
  call.on('error', close);
}

function openSession<Request>(
  call: Call,
  protocol: Protocol<Request>,
  first: Request,
  context: StreamContext,
): Opened<Request> | Ending {
  const { cache, streams, log } = context;
  const { node } = protocol.envelope(first);
  if (node === undefined)
    return { code: status.INVALID_ARGUMENT, details: 'the first request of a stream must carry its node' };
  const peer: Peer | null = peerOf(call);
  if (context.requireCertificate && peer === null) {
    return {
      code: status.UNAUTHENTICATED,
      details: `node ${node.id}: no client certificate that the mesh root signed`,
    };
  }
  const permission = context.authorize(node, peer);
  if (!permission.ok) return { code: status.PERMISSION_DENIED, details: permission.reason };
  const { nodeId } = permission;
  const open = streams.get(nodeId) ?? 0;
  if (open >= context.maxStreamsPerNode) {
    return { code: status.RESOURCE_EXHAUSTED, details: `node ${nodeId} already has ${open} streams` };
  }
  streams.set(nodeId, open + 1);
  const client = { name: node.userAgentName, version: versionOf(node) };
  const record = cache.connected(nodeId, client);
  const session = new Session({
    protocol,
    current: () => cache.cached(nodeId),
    record,
    send: (bytes) => call.write(bytes),
    maxNames: context.maxNames,
  });
  const unwatch = cache.watch(
    nodeId,
    coalesced(() => session.refresh()),
  );
  log.info({ nodeId, client, protocol: protocol.name }, 'xds stream opened');
  const close = (): void => {
    unwatch();
    record.closed();
    const left = (streams.get(nodeId) ?? 1) - 1;
    if (left === 0) streams.delete(nodeId);
    else streams.set(nodeId, left);
    log.info({ nodeId }, 'xds stream closed');
  };
  return { session, close };
}

/** Several snapshots set in one go are one refresh. */
function coalesced(run: () => void): () => void {
  let scheduled = false;
  return () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      run();
    });
  };
}

function endingOf(error: unknown): Ending {
  const details = error instanceof Error ? error.message : String(error);
  const code = error instanceof LimitExceeded ? status.RESOURCE_EXHAUSTED : status.INVALID_ARGUMENT;
  return { code, details };
}

function versionOf(node: Node): string {
  const { case: kind, value } = node.userAgentVersionType;
  if (kind === 'userAgentVersion') return value;
  const number = kind === 'userAgentBuildVersion' ? value.version : undefined;
  return number === undefined ? '' : `${number.majorNumber}.${number.minorNumber}.${number.patch}`;
}
