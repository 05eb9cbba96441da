import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build, type Platform } from 'esbuild'
import { describe, it, type TestContext } from 'vitest'

/** What a bundler makes of a user's program that imports the package. */
async function bundle(test: TestContext, program: string, platform: Platform): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'bundled-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true }))
  await mkdir(join(root, 'node_modules'))
  await symlink(resolve('.'), join(root, 'node_modules/scoring-functions'))
  const stdin = { contents: program, resolveDir: root, loader: 'ts' as const }
  const { outputFiles } = await build({
    stdin,
    bundle: true,
    minify: true,
    format: 'esm',
    platform,
    write: false,
    logLevel: 'silent',
  })
  return outputFiles.map(({ text }) => text).join('\n')
}

describe('scoring-functions/client, bundled', () => {
  it('needs nothing of Node.js in a browser, and leaves out what is not used', async test => {
    const scoring = await bundle(
      test,
      "import { Webservice } from 'scoring-functions/client'; console.log(Webservice)",
      'browser',
    )
    assert.doesNotMatch(scoring, /node:|\brequire\(/)
    assert.ok(scoring.length < 20_000, `scoring alone has ${scoring.length} bytes`)
    const all = await bundle(test, "import * as client from 'scoring-functions/client'; console.log(client)", 'browser')
    assert.doesNotMatch(all, /["']node:|\brequire\(/)
    assert.match(all, /a workspace needs Node\.js/)
  })

  it('holds workspaces where it runs on Node.js', async test => {
    const program = "import { Workspace } from 'scoring-functions/client'; console.log(await Workspace.fromFolder('.'))"
    assert.match(await bundle(test, program, 'node'), /has a host\.json/)
  })
})
