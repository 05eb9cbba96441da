import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { benchDir, cacheDir } from '../cache.ts'

const run = promisify(execFile)
const venvDir = join(cacheDir, 'venv')
const binDir = join(venvDir, process.platform === 'win32' ? 'Scripts' : 'bin')

/** Where the programs of the Python comparison servers are, or why there are none. */
export type PythonVenv = { readonly binDir: string } | { readonly missing: string }

/** Makes the virtual environment with the pinned requirements when it is not there yet. */
export async function preparePythonVenv(): Promise<PythonVenv> {
  const requirements = await readFile(join(benchDir, 'requirements.txt'), 'utf8')
  const stamp = join(venvDir, 'requirements.txt')
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === requirements) return { binDir }
  const python = await findPython()
  if (!python) return { missing: 'no python3' }
  console.error('making the virtual environment of the Python servers ...')
  await rm(venvDir, { recursive: true, force: true })
  await mkdir(cacheDir, { recursive: true })
  try {
    await run(python, ['-m', 'venv', venvDir])
  } catch {
    return { missing: 'python3 cannot make virtual environments (on Debian: package python3-venv)' }
  }
  try {
    await run(join(binDir, 'python'), ['-m', 'pip', 'install', '--quiet', '-r', join(benchDir, 'requirements.txt')])
  } catch (failure) {
    console.error((failure as { stderr?: string }).stderr)
    return { missing: 'pip could not install bench/requirements.txt' }
  }
  await writeFile(stamp, requirements)
  return { binDir }
}

async function findPython(): Promise<string | undefined> {
  for (const name of ['python3', 'python']) {
    const isThree = await run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']).then(
      () => true,
      () => false,
    )
    if (isThree) return name
  }
  return undefined
}
