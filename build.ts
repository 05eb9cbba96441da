/**
 * Bundles what runs into `dist/`:
 *
 * - `functions.cjs`    every trigger; `main` in package.json, loaded by Azure's Node worker, Core Tools and the embedded host.
 *                      CommonJS, because the worker hands out `@azure/functions-core` by wrapping `require`.
 * - `scoring-thread.cjs` what one scoring worker thread runs (ONNX Runtime lives only there)
 * - `cli.cjs`, `host-process.cjs`  `npm start`: the supervising parent, and the embedded host it restarts
 * - `entry-script.mjs` what `import … from 'scoring-functions'` gives to an entry script
 */
import { rm } from 'node:fs/promises'
import { type BuildOptions, build } from 'esbuild'

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node22',
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  // Supplied at run time: functions-core by the host, the others from node_modules (native code, or too big to bundle).
  external: ['@azure/functions-core', 'onnxruntime-node', 'azurite', 'scoring-functions'],
  outdir: 'dist',
}

await rm('dist', { recursive: true, force: true })
await Promise.all([
  build({
    ...common,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    // A CommonJS bundle has no import.meta; files that look for their neighbours use its url.
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'bundleUrl' },
    entryPoints: {
      functions: 'functions/main.ts',
      'scoring-thread': 'src/adapters/worker-thread/scoring-thread.ts',
      cli: 'src/cli/main.ts',
      'host-process': 'src/host/host-process.ts',
    },
  }),
  build({
    ...common,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    entryPoints: { 'entry-script': 'src/entry-script/api.ts' },
  }),
])
