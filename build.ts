/**
 * Bundles what runs into `dist/`:
 *
 * - `functions.cjs`    every trigger; `main` in package.json, loaded by Azure's Node worker, Core Tools and the embedded host.
 *                      CommonJS, because the worker hands out `@azure/functions-core` by wrapping `require`.
 * - `scoring-thread.cjs` what one scoring worker thread runs (ONNX Runtime lives only there)
 * - `cli.cjs`, `host-process.cjs`  `npm start`: the supervising parent, and the embedded host it restarts
 *
 * and writes `models/service.schema.json`, which editors use to complete and check a `service.json`.
 */
import { rm, writeFile } from 'node:fs/promises'
import { build } from 'esbuild'
import { serviceJsonSchema } from './src/service/json-schema.ts'

await rm('dist', { recursive: true, force: true })
await build({
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  // Supplied at run time: functions-core by the host, the others from node_modules (native code, or too big to bundle).
  external: ['@azure/functions-core', 'onnxruntime-node', 'sharp', 'azurite'],
  // A CommonJS bundle has no import.meta; files that look for their neighbours use its url.
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'bundleUrl' },
  entryPoints: {
    functions: 'functions/main.ts',
    'scoring-thread': 'src/adapters/worker-thread/scoring-thread.ts',
    cli: 'src/cli/main.ts',
    'host-process': 'src/host/host-process.ts',
  },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
})
await writeFile('models/service.schema.json', serviceJsonSchema())
