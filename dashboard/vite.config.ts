// Builds the dashboard into dist/, which the control plane serves; fails when it grows over its budget.
import { gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** All scripts and styles together, gzipped. */
const BUDGET = 300 * 1024;

function budget(): Plugin {
  return {
    name: 'budget',
    writeBundle(_options, bundle) {
      const sizes = Object.values(bundle)
        .filter(({ fileName }) => /\.(js|css)$/.test(fileName))
        .map((file) => gzipSync(file.type === 'chunk' ? file.code : file.source).length);
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const text = `${(total / 1024).toFixed(0)} KB of ${BUDGET / 1024} KB gzipped`;
      if (total > BUDGET) this.error(`the dashboard is over its budget: ${text}`);
      this.info(text);
    },
  };
}

export default defineConfig({
  plugins: [react(), budget()],
  // The control plane's policy allows no inline scripts, so no polyfill of module preloading either.
  build: { target: 'es2023', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  worker: { format: 'es' },
  server: { proxy: { '/api': 'http://127.0.0.1:7080' } },
});
