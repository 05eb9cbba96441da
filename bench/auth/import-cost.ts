import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { cacheDir } from '../cache.ts'
import type { Cost } from './bench.ts'

const entry = `export { ServiceKeys } from './src/auth/service-keys.ts'
export { systemClock } from './src/adapters/local/system-clock.ts'
export { KeyFile } from './src/adapters/local/key-file.ts'`

/** Milliseconds that a fresh process needs to load what authorization is made of, bundled as the app is. */
export async function importCosts({ rounds }: { rounds: number }): Promise<Cost[]> {
  const outfile = join(cacheDir, 'auth', 'keys.cjs')
  const first = join(cacheDir, 'auth', 'first.cjs')
  await build({
    stdin: { contents: entry, resolveDir: join(import.meta.dirname, '../..'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minifySyntax: true,
    outfile,
  })
  await writeFile(first, '')
  const measured: number[] = []
  for (let round = 0; round < rounds; round++) measured.push(await loadMs(outfile, first))
  return [{ what: 'loading it in a fresh process, without a vault', unit: 'ms', rounds: measured, target: 10 }]
}

/**
 * The modules of Node that it uses are loaded by any HTTP server, so they are there before; and the first file that a
 * process loads costs several milliseconds, whatever is in it.
 */
async function loadMs(file: string, first: string): Promise<number> {
  const program = `require('node:http'); require('node:crypto'); require('node:fs/promises'); require(process.argv[2])
    const startedAt = performance.now(); require(process.argv[1]); console.log(performance.now() - startedAt)`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program, file, first])
  return Number(stdout)
}
