// The pure packages in Chromium, in a page whose Content-Security-Policy forbids WebAssembly: everything works, with the TypeScript twins.
// The same page with `wasm-unsafe-eval` takes the kernels, which shows that the policy is what makes the difference.

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { describe, expect, test } from 'vitest';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];
const PACKAGES = fileURLToPath(new URL('../../../', import.meta.url));
const TIMEOUT_MS = 120_000;

/** Which folder below a package's own stands for each import of the page. */
const IMPORTS: Readonly<Record<string, string>> = {
  '@kcptun/common': '/common/dist/index.js',
  '@kcptun/comp': '/comp/dist/index.js',
  '@kcptun/crypt': '/crypt/dist/index.js',
  '@kcptun/fec': '/fec/dist/index.js',
  '@kcptun/kcp-core': '/kcp-core/dist/index.js',
  '@kcptun/session': '/session/dist/index.js',
  'reedsolomon-wasm': '/reedsolomon-wasm/dist/index.js',
  '@noble/': '/crypt/node_modules/@noble/',
};
const MODULE = /^\/[\w@./-]+\.js$/;

interface Report {
  readonly error?: string;
  readonly ciphers: Readonly<Record<string, string>>;
  readonly fec: string;
  readonly compression: string;
  readonly session: number;
}

/** Opens the page with these sources of scripts and returns what it reports. */
async function runPage(scripts: string): Promise<Report> {
  const policy = `default-src 'none'; connect-src 'self'; script-src 'self' 'nonce-map' ${scripts}`;
  let reported: (report: Report) => void = () => {};
  const report = new Promise<Report>((resolve) => {
    reported = resolve;
  });
  const server = createServer((request, response) => {
    answer(request, response, policy, reported).catch((error: Error) => response.writeHead(404).end(error.message));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = await mkdtemp(join(tmpdir(), 'kcptun-csp-'));
  const browser = await chromium.launchPersistentContext(folder, {
    executablePath: CHROMIUM as string,
    args: FLAGS,
    timeout: TIMEOUT_MS / 2,
  });
  try {
    const page = await browser.newPage();
    const failed = new Promise<Report>((_, reject) => {
      page.on('pageerror', reject);
      page.on('requestfailed', (request) => reject(new Error(`${request.url()}: ${request.failure()?.errorText}`)));
    });
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return await Promise.race([report, failed]);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, policy: string, reported: (report: Report) => void) {
  const url = request.url ?? '';
  const send = (type: string, body: string | Buffer): void => {
    response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(body);
  };
  if (request.method === 'POST') {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    send('text/plain', '');
    reported(JSON.parse(body) as Report);
  } else if (url === '/') {
    const map = JSON.stringify({ imports: IMPORTS });
    send(
      'text/html',
      `<!doctype html><link rel="icon" href="data:,"><script type="importmap" nonce="map">${map}</script><script type="module" src="/page.js"></script>`,
    );
  } else {
    if (!MODULE.test(url) || url.includes('..')) throw new Error(`no such module: ${url}`);
    send('text/javascript', await readFile(url === '/page.js' ? new URL('csp-page.js', import.meta.url) : join(PACKAGES, url)));
  }
}

/** Ciphers whose work is done without a kernel wherever they run. */
const WITHOUT_KERNEL = new Set(['null']);

function backends(report: Report): string[] {
  return Object.entries(report.ciphers).flatMap(([method, backend]) => (WITHOUT_KERNEL.has(method) ? [] : [backend]));
}

if (CHROMIUM === undefined && process.env['CI'] !== 'true') {
  process.stderr.write('*** SKIPPED: pages in Chromium: no chromium is installed (Debian: apt-get install chromium)\n');
}

describe.skipIf(CHROMIUM === undefined && process.env['CI'] !== 'true')('a page in Chromium', { timeout: TIMEOUT_MS }, () => {
  test('whose policy forbids WebAssembly works without', async () => {
    const report = await runPage('');
    expect(report.error).toBeUndefined();
    expect(Object.keys(report.ciphers)).toHaveLength(15);
    expect(backends(report)).not.toContain('wasm');
    expect([report.fec, report.compression]).toEqual(['typescript', 'typescript']);
    expect(report.session).toBeGreaterThan(10_000);
  });

  test('whose policy permits WebAssembly takes the kernels', async () => {
    const report = await runPage("'wasm-unsafe-eval'");
    expect(report.error).toBeUndefined();
    expect(backends(report)).toContain('wasm');
    expect([report.fec, report.compression]).toEqual(['wasm', 'wasm']);
  });
});
