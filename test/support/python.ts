import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run, works } from '../clients/tools.ts'

/** Goes with `npm ci`, and is not seen by git. */
const kept = join(import.meta.dirname, '../../node_modules/.cache/python')

/**
 * A Python that has the packages of a requirements file, or why there is none. It is made for the first test that asks
 * and kept, because pandas or ONNX Runtime take longer to install than the tests to run.
 */
export async function pythonWith(requirements: string): Promise<{ python: string } | { missing: string }> {
  const { code, stdout } = await run('python3', '-VV')
  if (code !== 0) return { missing: 'python3 is not installed' }
  const name = createHash('sha256')
    .update(stdout)
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 16)
  const folder = join(kept, name)
  const python = join(folder, 'bin/python')
  if (await works(python, '--version')) return { python }
  await mkdir(kept, { recursive: true })
  // Another process may install the same: each makes its own folder, and the first complete one is used.
  const unfinished = await mkdtemp(join(kept, `${name}-`))
  try {
    if (!(await install(unfinished, requirements))) return { missing: `pip cannot install ${requirements}` }
    await rename(unfinished, folder).catch(() => undefined)
    return (await works(python, '--version')) ? { python } : { missing: `no Python can be kept in ${folder}` }
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** Why a test that needs nothing but Python's own library is skipped. */
export const findNoPython = async (): Promise<string | undefined> =>
  (await works('python3', '-VV')) ? undefined : 'python3 is not installed'

/** Compiles nothing ahead: most modules of a package are never imported. */
async function install(folder: string, requirements: string): Promise<boolean> {
  const python = join(folder, 'bin/python')
  const packages = ['install', '--quiet', '--no-compile', '--disable-pip-version-check', '--requirement', requirements]
  // pip of the system can install into other places since 22.3; to bring one along takes seconds.
  const ofSystem =
    (await works('python3', '-m', 'venv', '--without-pip', folder)) &&
    (await works('python3', '-m', 'pip', '--python', python, ...packages))
  return ofSystem || ((await works('python3', '-m', 'venv', folder)) && (await works(python, '-m', 'pip', ...packages)))
}
