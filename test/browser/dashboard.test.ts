// The built dashboard, served by the real API server over a fake mesh, in a real browser.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../src/api/server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { findChromium, launchChromium } from '../support/chromium.ts';
import { FakeMesh } from '../support/fake-mesh.ts';
import { repositoryRoot } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';

const executable = findChromium();
const dist = join(repositoryRoot, 'dashboard/dist');

describe.skipIf(executable === null)('dashboard', () => {
  let mesh: FakeMesh;
  let api: ApiServer;
  let browser: Browser;
  let page: Page;
  /** What the browser's console, the page itself and its network complain about. */
  let complaints: string[];

  beforeAll(async () => {
    if (!existsSync(join(dist, 'index.html'))) {
      execFileSync('npm', ['run', 'build:dashboard'], { cwd: repositoryRoot, stdio: 'ignore' });
    }
    mesh = await FakeMesh.start();
    const silent = () => undefined;
    const log = { debug: silent, info: silent, warn: silent, error: silent };
    const options = { clock: systemClock, log, port: 0, dashboard: dist, version: '1.2.3', metrics: () => '' };
    api = await startApi({ ...options, view: mesh.view });
    browser = await launchChromium(executable ?? '');
  });

  afterAll(async () => {
    await browser.close();
    await api.close();
    await mesh[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    complaints = [];
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => void complaints.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(api.url) && !request.url().startsWith('data:')) complaints.push(request.url());
    });
  });

  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  const open = (view: string) => page.goto(`${api.url}/#/${view}`);

  test('the graph: workloads, edges with figures, locks, failures and refusals', async () => {
    await open('graph');
    await page.getByRole('button', { name: /^payments .*75\.0 % succeed/ }).waitFor();
    const edge = (name: RegExp) => page.getByRole('button', { name });
    const failing = edge(/^shop\/checkout to shop\/payments: .*100 % encrypted/);
    await failing.waitFor();
    expect(await failing.getAttribute('data-health')).toBe('failing');
    expect(await failing.getByRole('img', { name: 'mutual TLS' }).count()).toBe(1);
    const plain = edge(/^shop\/cart to shop\/inventory/);
    expect(await plain.getByRole('img', { name: 'plain text' }).count()).toBe(1);
    await edge(/^shop\/visitors to shop\/payments/)
      .getByText('denied')
      .waitFor();
    expect(await page.locator('.workload').count()).toBe(9);
    expect(await page.locator('.box[data-kind="app"]').allInnerTexts()).toEqual(['catalog']);
  });

  test('places stay while figures change', async () => {
    await open('graph');
    const node = page.getByRole('button', { name: /^cart / });
    const label = page.getByRole('button', { name: /^shop\/frontend to shop\/cart/ });
    await label.waitFor();
    const twoRounds = (): Promise<unknown> => {
      const round = api.store.at;
      return waitFor('two more rounds', () => api.store.at >= round + 2_000);
    };
    // The first figures may come in two parts, and the second brings edges that were not there.
    await twoRounds();
    const before = await settledBox(node);
    await twoRounds();
    expect(await settledBox(node)).toEqual(before);
  });

  test('a node opens its details by keyboard; Escape closes them', async () => {
    await open('graph');
    const node = page.getByRole('button', { name: /^frontend v1/ });
    await node.focus();
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary', { name: 'Details' });
    await panel.getByText('spiffe://cluster.local/ns/shop/sa/frontend').waitFor();
    await panel.getByRole('img', { name: /^Requests, now: all \d/ }).waitFor();
    await panel.getByRole('button', { name: 'shop/catalog-v2' }).click();
    await panel.getByRole('heading', { name: 'shop/frontend → shop/catalog-v2' }).waitFor();
    await panel.getByText('calls catalog.shop').waitFor();
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
  });

  test('workloads sort by any column', async () => {
    await open('workloads');
    const names = () => page.locator('tbody td:first-child').allInnerTexts();
    await page.getByRole('cell', { name: '75.0 %' }).waitFor();
    expect((await names()).slice(0, 2)).toEqual(['cart', 'catalog-v1']);
    await page.getByRole('button', { name: 'Requests' }).click();
    expect((await names())[0]).toBe('frontend');
    expect(await page.getByRole('columnheader', { name: 'Requests' }).getAttribute('aria-sort')).toBe('descending');
    await page.getByRole('button', { name: 'Requests' }).click();
    expect((await names())[0]).toBe('visitors');
  });

  test('configuration: dialects, problems with their place, YAML, how far it is applied; a new problem shows at once', async () => {
    await open('configuration');
    for (const dialect of ['istio', 'gateway-api', 'linkerd', 'smi', 'kubernetes']) {
      await page.getByRole('heading', { name: new RegExp(`^${dialect} \\d`) }).waitFor();
    }
    const problem = page.getByRole('listitem').filter({ hasText: 'service basket does not exist' });
    expect(await problem.textContent()).toMatch(
      /did you mean cart\?[\s\S]*spec\.http\[0\]\.route\[1\] shop\/istio\.yaml:12/,
    );
    await page.getByRole('link', { name: 'VirtualService catalog shop' }).click();
    const article = page.getByRole('article');
    await article.getByText('applied 7/7, 45 ms').waitFor();
    expect(await article.locator('pre').textContent()).toContain('weight: 90');
    await page.getByText('applied 6/7, 61 ms, 1 rejected').waitFor();
    const [known] = mesh.view.problems();
    if (known === undefined) throw new Error('the fake mesh has problems');
    mesh.change({ ...known, message: 'a new one' });
    await page.getByText('a new one').first().waitFor();
  });

  test('proxies with their state', async () => {
    await open('proxies');
    const row = (name: string) => page.getByRole('row').filter({ hasText: name });
    await row('inventory-0').getByText('not connected').waitFor();
    expect(await row('frontend-0').textContent()).toMatch(
      /spiffe:\/\/cluster\.local\/ns\/shop\/sa\/frontend[\s\S]*synced[\s\S]*9 clusters/,
    );
    expect(await row('frontend-0').locator('time').getAttribute('datetime')).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  test('no table is cut off in a window of 1000 pixels', async () => {
    const wide = page.viewportSize();
    await page.setViewportSize({ width: 1000, height: 800 });
    for (const view of ['workloads', 'proxies']) {
      await open(view);
      await page.locator('.table-frame').waitFor();
      const hidden =
        "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.table-frame'))";
      expect(await page.evaluate<number>(hidden), view).toBe(0);
    }
    if (wide !== null) await page.setViewportSize(wide);
  });

  test('explain: the decision chain, and an error in words', async () => {
    await open('explain');
    await page.getByLabel('From').selectOption('shop/checkout');
    await page.getByLabel('To', { exact: true }).fill('http://payments/charge');
    await page.getByLabel('Method').selectOption('POST');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.getByText('shop/checkout may not POST http://payments/charge').waitFor();
    await page.getByRole('link', { name: 'AuthorizationPolicy shop/payments' }).waitFor();
  });

  test('light and dark, remembered', async () => {
    await open('graph');
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const button = page.getByRole('button', { name: /^colours:/ });
    await button.click();
    const light = await ground();
    await button.click();
    expect(await ground()).not.toBe(light);
    await page.reload();
    await button.waitFor();
    expect(await page.evaluate<string>('document.documentElement.dataset.theme')).toBe('dark');
  });

  test('nothing is wider than a small window', async () => {
    await page.setViewportSize({ width: 700, height: 800 });
    for (const view of ['workloads', 'configuration', 'proxies', 'explain']) {
      await open(view);
      await page.getByRole('heading', { level: 1 }).waitFor();
      expect(await page.evaluate<number>('document.documentElement.scrollWidth'), view).toBeLessThanOrEqual(700);
    }
  });
});

type Box = { readonly x: number; readonly y: number } | null;

/** Where it is once it no longer moves. */
async function settledBox(locator: { boundingBox(): Promise<Box> }): Promise<Box> {
  let before = await locator.boundingBox();
  for (;;) {
    const now = await locator.boundingBox();
    if (now?.x === before?.x && now?.y === before?.y) return now;
    before = now;
  }
}
