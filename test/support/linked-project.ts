import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Cleaner } from './cleaner.ts'

const repository = resolve(import.meta.dirname, '../..')

/**
 * A project that uses this checkout as `npm link` does: its `node_modules/scoring-functions` is a link, so that the real path of the
 * package leads to the checkout and not to the project.
 *
 * @param files  by path, text as it is and everything else as JSON; one service, `sut`, is there already
 * @returns the folder of the project
 */
export async function makeLinkedProject(test: Cleaner, files: Readonly<Record<string, unknown>>): Promise<string> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'project-')))
  test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
  const all = {
    'package.json': { type: 'module', main: 'node_modules/scoring-functions/dist/functions.cjs' },
    'host.json': { version: '2.0', extensions: { http: { routePrefix: '' } } },
    'models/sut/service.json': { entryScript: 'score.js', auth: { mode: 'none' } },
    'models/sut/score.js': "export const init = () => {}\nexport const run = text => 'scored ' + text\n",
    ...files,
  }
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  await mkdir(join(root, 'node_modules'), { recursive: true })
  await symlink(repository, join(root, 'node_modules/scoring-functions'))
  return root
}
