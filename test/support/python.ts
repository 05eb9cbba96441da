import { createHash } from 'node:crypto'
import { globSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run, works } from '../clients/tools.ts'

/** Goes with `npm ci`, and is not seen by git. */
const kept = join(import.meta.dirname, '../../node_modules/.cache/python')

/**
 * A Python that has the packages of a requirements file, or why there is none. It is made for the first test that asks
 * and kept, because pandas or ONNX Runtime take longer to install than the tests to run.
 *
 * @param options  of `pip install`, e.g. `--no-deps` where a package needs a hundred others that are never imported
 */
export async function pythonWith(requirements: string, ...options: readonly string[]): Promise<PythonFound> {
  return prepare('python3', requirements, options)
}

/** The same of another version than that of `python3`, e.g. `3.7`, for packages that go no further. */
export async function olderPythonWith(
  version: string,
  requirements: string,
  ...options: readonly string[]
): Promise<PythonFound> {
  const found = await findPython(version)
  return found === undefined ? { missing: `python${version} is not installed` } : prepare(found, requirements, options)
}

type PythonFound = { readonly python: string } | { readonly missing: string }

async function prepare(interpreter: string, requirements: string, options: readonly string[]): Promise<PythonFound> {
  const { code, stdout } = await run(interpreter, '-VV')
  if (code !== 0) return { missing: `${interpreter} is not installed` }
  const name = createHash('sha256')
    .update(stdout)
    .update(await readFile(requirements))
    .update(options.join(' '))
    .digest('hex')
    .slice(0, 16)
  const folder = join(kept, name)
  const python = join(folder, 'bin/python')
  if (await works(python, '--version')) return { python }
  await mkdir(kept, { recursive: true })
  // Another process may install the same: each makes its own folder, and the first complete one is used.
  const unfinished = await mkdtemp(join(kept, `${name}-`))
  try {
    if (!(await install(interpreter, unfinished, [...options, '--requirement', requirements])))
      return { missing: `pip cannot install ${requirements}` }
    await rename(unfinished, folder).catch(() => undefined)
    return (await works(python, '--version')) ? { python } : { missing: `no Python can be kept in ${folder}` }
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** On the path, or where pyenv keeps it: its command of that name works for the version that is chosen only. */
async function findPython(version: string): Promise<string | undefined> {
  const root = process.env.PYENV_ROOT ?? join(homedir(), '.pyenv')
  for (const each of [`python${version}`, ...globSync(join(root, 'versions', `${version}.*`, 'bin/python3'))])
    if (await works(each, '--version')) return each
  return undefined
}

/** Why a test that needs nothing but Python's own library is skipped. */
export const findNoPython = async (): Promise<string | undefined> =>
  (await works('python3', '-VV')) ? undefined : 'python3 is not installed'

/** Compiles nothing ahead: most modules of a package are never imported. */
async function install(interpreter: string, folder: string, what: readonly string[]): Promise<boolean> {
  const python = join(folder, 'bin/python')
  const packages = ['install', '--quiet', '--no-compile', '--disable-pip-version-check', ...what]
  // pip of the system can install into other places since 22.3; to bring one along takes seconds.
  const ofSystem =
    (await works(interpreter, '-m', 'venv', '--without-pip', folder)) &&
    (await works('python3', '-m', 'pip', '--python', python, ...packages))
  return (
    ofSystem || ((await works(interpreter, '-m', 'venv', folder)) && (await works(python, '-m', 'pip', ...packages)))
  )
}
