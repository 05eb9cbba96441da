import { createHash } from 'node:crypto'
import { globSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { once, run, works } from '../clients/tools.ts'

/** Goes with `npm ci`, and is not seen by git. */
const kept = join(import.meta.dirname, '../../node_modules/.cache/python')

/**
 * A Python that has the packages of a requirements file, or why there is none. It is made for the first test that asks
 * and kept.
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
  const { code, stdout: version } = await run(interpreter, '-VV')
  if (code !== 0) return { missing: `${interpreter} is not installed` }
  const what = [...options, '--requirement', requirements]
  const contents = [version, await readFile(requirements), options.join(' ')]
  const folder = await keep(contents, 'bin/python', unfinished => install(interpreter, unfinished, what))
  return folder === undefined
    ? { missing: `pip cannot install ${requirements}` }
    : { python: join(folder, 'bin/python') }
}

/**
 * A folder that is made once for the same contents.
 *
 * @param program  a path in it that says that it works
 * @returns undefined when it cannot be made
 */
async function keep(
  contents: readonly (string | Buffer)[],
  program: string,
  make: (unfinished: string) => Promise<boolean>,
): Promise<string | undefined> {
  const hash = createHash('sha256')
  for (const each of contents) hash.update(each)
  const folder = join(kept, hash.digest('hex').slice(0, 16))
  if (await works(join(folder, program), '--version')) return folder
  await mkdir(kept, { recursive: true })
  // Another process may make the same: each makes its own folder, and the first complete one is used.
  const unfinished = await mkdtemp(`${folder}-`)
  try {
    if (!(await make(unfinished))) return undefined
    await rename(unfinished, folder).catch(() => undefined)
    return (await works(join(folder, program), '--version')) ? folder : undefined
  } finally {
    await rm(unfinished, { recursive: true, force: true, maxRetries: 9 })
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

/** The same with or without uv, but for the time. Neither compiles ahead: most modules of a package are never imported. */
async function install(interpreter: string, folder: string, what: readonly string[]): Promise<boolean> {
  return (await installByUv(interpreter, folder, what)) || installByPip(interpreter, folder, what)
}

/** A tenth of pip's work: what several environments have is unpacked once, and the next checkout finds it too. */
async function installByUv(interpreter: string, folder: string, what: readonly string[]): Promise<boolean> {
  const tool = await uv()
  if (tool === undefined) return false
  // The command may be a shim, which does not work by its own path.
  const { stdout } = await run(interpreter, '-c', 'import sys; print(sys.executable)')
  const python = join(folder, 'bin/python')
  return (
    (await works(tool, 'venv', '--quiet', '--allow-existing', '--python', stdout.trim(), folder)) &&
    (await works(tool, 'pip', 'install', '--quiet', '--system-certs', '--python', python, ...what))
  )
}

const uv = once(async () => {
  if (await works('uv', '--version')) return 'uv'
  const requirements = join(import.meta.dirname, 'uv-requirements.txt')
  const contents = ['uv', await readFile(requirements)]
  const folder = await keep(contents, 'bin/uv', unfinished =>
    works('python3', '-m', 'pip', ...pipInstall, '--target', unfinished, '--requirement', requirements),
  )
  return folder && join(folder, 'bin/uv')
})

const pipInstall = ['install', '--quiet', '--no-compile', '--disable-pip-version-check']

async function installByPip(interpreter: string, folder: string, what: readonly string[]): Promise<boolean> {
  const python = join(folder, 'bin/python')
  // pip of the system can install into other places since 22.3; to bring one along takes seconds.
  const ofSystem =
    (await works(interpreter, '-m', 'venv', '--clear', '--without-pip', folder)) &&
    (await works('python3', '-m', 'pip', '--python', python, ...pipInstall, ...what))
  return (
    ofSystem ||
    ((await works(interpreter, '-m', 'venv', '--clear', folder)) &&
      (await works(python, '-m', 'pip', ...pipInstall, ...what)))
  )
}
