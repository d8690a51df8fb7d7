// The demo as a person sees it: real processes, real traffic, a real browser.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium, launchChromium } from '../support/chromium.ts';
import { freePorts } from '../support/ports.ts';
import { pinnedNode, repositoryRoot, TestProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';

const executable = findChromium();
const built = existsSync(join(repositoryRoot, 'dashboard/dist/index.html'));
if (process.env.CI === 'true' && !built) throw new Error('the dashboard is not built (hint: npm run build:dashboard)');

describe.skipIf(executable === null || !built)('the dashboard of the demo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-browser-'));
  const manifests = join(folder, 'demo/manifests');
  const complaints: string[] = [];
  let mesh: TestProcess;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    cpSync(join(repositoryRoot, 'demo'), join(folder, 'demo'), { recursive: true });
    const [api, xds, gateway] = (await freePorts(3)) as [number, number, number];
    edit('gateway-api.yaml', (text) => text.replace('port: 8080', `port: ${gateway}`));
    edit('visitors.yaml', (text) => text.replaceAll('127.0.0.1:8080', `127.0.0.1:${gateway}`));
    const up = ['up', '-f', manifests, '--port', `${api}`, '--xds-port', `${xds}`, '--state', join(folder, 'state')];
    mesh = await TestProcess.start({ command: pinnedNode, args: [join(repositoryRoot, 'src/bin/tulle.ts'), ...up] });
    await waitFor('ready', () => mesh.output.includes('ready in'), { deadline: 60_000 });
    browser = await launchChromium(executable!);
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${api}/`);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await mesh?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function edit(file: string, change: (text: string) => string): void {
    const path = join(manifests, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  const view = (name: string): Promise<void> => page.getByRole('navigation').getByRole('link', { name }).click();

  test('shows the calls with their figures, encrypted, and the client that policy forbids', async () => {
    await page.getByLabel(/shop\/frontend to shop\/catalog-v1: .* 100 % encrypted/).waitFor();
    await page.getByLabel(/shop\/snooper to shop\/payments: .* [1-9][\d.]*\S* denied/).waitFor();
  });

  test('lists the workloads with their golden metrics', async () => {
    await view('workloads');
    await page
      .getByRole('row', { name: /inventory/ })
      .getByText('100 %')
      .first()
      .waitFor();
  });

  test('says on how many proxies an object is applied', async () => {
    await view('configuration');
    await page
      .getByRole('listitem')
      .filter({ hasText: 'VirtualService' })
      .filter({ hasText: 'catalog' })
      .first()
      .getByText(/\d+\/\d+/)
      .first()
      .waitFor();
  });

  test('shows a broken file at once, and goes on', async () => {
    edit('istio.yaml', (text) => text.replace('subset: v1 }', 'subset: v1'));
    await page
      .getByText(/istio\.yaml:\d+/)
      .first()
      .waitFor();
    expect(mesh.exitCode).toBeNull();
  });

  test('explains a request', async () => {
    await view('explain');
    await page
      .getByRole('button', { name: /explain/i })
      .first()
      .waitFor();
  });

  test('loads nothing from elsewhere and complains of nothing', () => {
    expect(complaints).toEqual([]);
  });
});
