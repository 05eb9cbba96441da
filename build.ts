/**
 * Bundles what runs into `dist/`:
 *
 * - `functions.cjs`    every trigger; `main` in package.json, loaded by Azure's Node worker, Core Tools and the embedded host.
 *                      CommonJS, because the worker hands out `@azure/functions-core` by wrapping `require`.
 * - `scoring-thread.cjs` what one scoring worker thread runs (ONNX Runtime lives only there)
 * - `optimizer-process.cjs` writes one entry of the local cache of optimized models, and ends
 * - `docs/`            the interactive page of a service: Swagger UI and what we add, each file compressed once, here
 * - `key-vault.cjs`    Azure's SDKs for Key Vault and identities; read only when `KEY_VAULT_URL` is set
 * - `jobs.cjs`         batch jobs; read only when there is one, or when a minute has passed
 * - `storage.cjs`      Azure's clients for blobs and queues; read only when batch jobs are used
 * - `parquet-process.cjs` what reads a Parquet file for a batch job, in a process of its own
 * - `opentelemetry.cjs` OpenTelemetry's API; read only when a meter provider is registered in the process
 * - `host-storage.cjs` Azure's SDKs for storage, for the embedded host; read only when the app has queue or timer triggers
 * - `cli.cjs`, `host-process.cjs`  `npm start`: the supervising parent, and the embedded host it restarts
 *
 * and writes `models/service.schema.json`, which editors use to complete and check a `service.json`.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import { docsFileTypes } from './src/protocols/docs-files.ts'
import { serviceJsonSchema } from './src/service/json-schema.ts'

const options: BuildOptions = {
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
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
}

await rm('dist', { recursive: true, force: true })
await build({
  ...options,
  entryPoints: {
    functions: 'functions/main.ts',
    'scoring-thread': 'src/adapters/worker-thread/scoring-thread.ts',
    'optimizer-process': 'src/adapters/model-cache/optimizer-process.ts',
    cli: 'src/cli/main.ts',
    'host-process': 'src/host/host-process.ts',
  },
})
// Almost all of it is others' code, and less than half as long when minified.
await build({ ...options, minify: true, entryPoints: { 'key-vault': 'src/adapters/azure/key-vault.ts' } })
await build({ ...options, entryPoints: { jobs: 'src/jobs-app.ts' } })
await build({ ...options, minify: true, entryPoints: { storage: 'src/adapters/azure/storage.ts' } })
await build({ ...options, minify: true, entryPoints: { 'host-storage': 'src/host/storage/azure-storage.ts' } })
await build({
  ...options,
  minify: true,
  entryPoints: { 'parquet-process': 'src/adapters/child-process/parquet-process.ts' },
})
await build({
  ...options,
  minify: true,
  entryPoints: { opentelemetry: 'src/adapters/opentelemetry/open-telemetry.ts' },
})
await writeFile('models/service.schema.json', serviceJsonSchema())

const swaggerUi = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
await mkdir('dist/docs')
for (const name of Object.keys(docsFileTypes)) {
  const content = await readFile(join(name.startsWith('page.') ? 'src/docs-page' : swaggerUi, name))
  await writeFile(`dist/docs/${name}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }))
}
// Apache License 2.0, section 4: whoever gets the files gets these two as well.
for (const name of ['LICENSE', 'NOTICE']) await copyFile(join(swaggerUi, name), `dist/docs/swagger-ui.${name}.txt`)
