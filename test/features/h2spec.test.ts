// Conformance of the HTTP/2 server: every case of h2spec, against the proxy as it is started in production.
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestProcess } from '../support/process.ts';
import { startProxyProcess } from '../support/proxy-process.ts';
import { findTool } from '../support/tool.ts';

const h2spec = findTool('h2spec');

describe.skipIf(h2spec === null)('h2spec', () => {
  let upstream: Server;
  let proxy: { readonly port: number; readonly process: TestProcess };

  beforeAll(async () => {
    upstream = createServer((request, response) => {
      request.resume();
      request.on('end', () => response.end('an answer that is long enough for windows of a few bytes'));
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    proxy = await startProxyProcess({
      manager: { codec_type: 'HTTP2' },
      upstream: (upstream.address() as AddressInfo).port,
    });
  });

  afterAll(async () => {
    await proxy.process.stop();
    upstream.close();
  });

  it('passes all cases', async () => {
    const args = ['-h', '127.0.0.1', '-p', String(proxy.port), '-o', '10', '--strict'];
    const report = await new Promise<string>((resolve) => {
      execFile(h2spec!, args, { timeout: 170_000, maxBuffer: 2 ** 24 }, (_failed, stdout) => resolve(stdout));
    });
    const summary = report.slice(Math.max(report.indexOf('Failures:'), 0));
    expect(summary).toMatch(/\d+ tests, \d+ passed, 0 skipped, 0 failed/);
    expect(proxy.process.exitCode).toBeNull();
  }, 180_000);
});
