// How Node is told to run a proxy: `node <these> proxy.ts -c FILE`.

/**
 * Two megabytes for new objects instead of sixteen: nearly all of a request's objects die with it, so that collecting them more often
 * costs nothing that can be measured, and saves a tenth of an idle proxy's memory (docs/reference/benchmarks.md). With `--expose-gc` an
 * idle proxy collects garbage before it gives memory back.
 */
export const proxyFlags: readonly string[] = ['--max-semi-space-size=2', '--expose-gc'];
