import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { OrcaLoadReportSchema } from '../../xds/gen/xds/data/orca/v3/orca_load_report_pb.ts';
import { DataPlane } from '../data-plane.ts';
import { frameMessage } from '../http/grpc-messages.ts';
import { cluster } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

/** A cluster of one endpoint that answers its streams in this way. */
async function run(answer: (stream: ServerHttp2Stream) => void, period = 0) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.on('data', (body: Buffer) => asked.push(`${request.url} ${body.toString('hex')}`));
    answer(response.stream);
  });
  server.on('session', (session) => closers.push(() => session.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dataPlane = new DataPlane({ clock: systemClock, random: () => 0.01, log: silentLog([]) });
  closers.push(
    () => server.close(),
    () => dataPlane.close(),
  );
  const timing = { blackout: 0, expiration: 10_000, updatePeriod: 20, streamPeriod: period };
  const balancing = { kind: 'reported-load', ...timing, errorPenalty: 0, metrics: [], slowStart: null } as const;
  const config = cluster('up', [(server.address() as AddressInfo).port], { balancing });
  dataPlane.setCluster(config);
  const up = dataPlane.clusters()[0]!;
  return { asked, up, config, host: up.hosts[0]!, stats: up.loadStreams! };
}

function report(cpuUtilization: number): Buffer {
  const said = create(OrcaLoadReportSchema, { rpsFractional: 10, cpuUtilization });
  return frameMessage(toBinary(OrcaLoadReportSchema, said));
}

test('every report makes a weight, until the policy asks for none', async () => {
  let stream: ServerHttp2Stream | null = null;
  const { asked, up, config, host, stats } = await run((opened) => {
    stream = opened;
    opened.respond(GRPC);
    opened.write(report(0.5));
  });
  await expect.poll(() => host.weight).toBe(20);
  expect(asked).toEqual(['/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics 0000000000']);
  stream!.write(report(0.25));
  await expect.poll(() => host.weight).toBe(40);
  stream!.write(report(0));
  await expect.poll(() => ({ ...stats })).toMatchObject({ active_sessions: 1, reports_received: 3, report_errors: 1 });
  up.update({ ...config, balancing: { kind: 'random' } });
  await expect.poll(() => stream!.closed).toBe(true);
  expect(stats).toMatchObject({ active_sessions: 0, stream_failures: 0 });
});

test('an endpoint that does not know the service is not asked again', async () => {
  const { host, up, stats } = await run((stream) =>
    stream.respond({ ...GRPC, 'grpc-status': '12' }, { endStream: true }),
  );
  await expect.poll(() => stats.stream_terminated).toBe(1);
  expect(stats).toMatchObject({ active_sessions: 0, stream_failures: 0 });
  up.close();
  expect([stats.active_sessions, host.weight]).toEqual([0, 1]);
});

test.each<[string, (stream: ServerHttp2Stream) => void]>([
  ['another status', (stream) => stream.respond({ ':status': 503 }, { endStream: true })],
  ['another status with a body', (stream) => stream.respond({ ':status': 503 })],
  ['an end', (stream) => stream.respond({ ...GRPC, 'grpc-status': '0' }, { endStream: true })],
  ['a reset', (stream) => stream.close(2)],
  [
    'a report that cannot be read',
    (stream) => {
      stream.respond(GRPC);
      stream.write(frameMessage(Buffer.from([0xff, 0xff])));
    },
  ],
  [
    'a report that is too long',
    (stream) => {
      stream.respond(GRPC);
      stream.write(Buffer.from([0, 1, 0, 0, 0]));
    },
  ],
  ['silence', (stream) => stream.respond(GRPC)],
])('%s is a failure, and it is asked again', async (_name, answer) => {
  const { stats } = await run(answer, 20);
  await expect.poll(() => stats.stream_failures, { timeout: 5_000 }).toBeGreaterThan(1);
  expect(stats).toMatchObject({ active_sessions: 1, reports_received: 0, stream_terminated: 0 });
});
