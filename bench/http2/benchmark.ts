// bench/http2: HTTP/2 on both sides, 4 connections with 32 requests in flight each: plain, and unary gRPC.
import { join } from 'node:path';
import { http2Client } from '../clients.ts';
import type { Scenario } from '../comparison.ts';
import { xdsProxies } from '../contestants.ts';
import { grpcUpstream, http2Upstream } from '../upstreams.ts';

const contestants = xdsProxies({ http2Upstream: true });
const grpcClient = {
  ...http2Client,
  headers: ['content-type: application/grpc', 'te: trailers'],
  body: join(import.meta.dirname, 'grpc-message'),
};

export const http2: readonly Scenario[] = [
  { name: 'plain', contestants, client: http2Client, upstream: http2Upstream },
  { name: 'gRPC unary', contestants, client: grpcClient, upstream: grpcUpstream },
];
