import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import type { Plugin } from 'vitest/config'

const repository = join(import.meta.dirname, '../..')
const source = '../../compose/scoring-thread.ts'

/**
 * Lets the worker threads that a test starts run a bundle of `src/`, which is made anew for each run. From source, each of some
 * 600 threads resolves, strips and links more than a hundred files, which is half of the CPU time of its load.
 */
export function bundleThreads(): Plugin {
  const outdir = join(repository, 'node_modules/.cache')
  const outfile = join(outdir, 'scoring-thread.cjs')
  buildSync({
    entryPoints: ['scoring-thread', 'encrypted-scorer'].map(name => join(repository, `src/compose/${name}.ts`)),
    outdir,
    outExtension: { '.js': '.cjs' },
    ...{ bundle: true, platform: 'node', target: 'node22', format: 'cjs', sourcemap: true, logLevel: 'warning' },
    external: ['onnxruntime-node', 'sharp'],
    // As in build.ts: a CommonJS bundle has no import.meta.
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'bundleUrl' },
  })
  return {
    name: 'bundle-threads',
    transform(code, id) {
      if (!id.endsWith('/src/adapters/node-worker/start-thread.ts')) return undefined
      if (!code.includes(source)) throw new Error(`start-thread.ts does not name ${source}`)
      return code.replace(source, pathToFileURL(outfile).href)
    },
  }
}
