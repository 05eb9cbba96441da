import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'vitest'
import { ignoreRules } from '../../support/ignore-rules.ts'

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'])
  .toString()
  .trim()
  .split('\n')

/** Folders of packages with names that the project has as well, and what the app loads from them. */
const inPackages = [
  'node_modules/semver/functions/parse.js',
  'node_modules/@azure/functions/dist/azure-functions.js',
  'node_modules/sharp/src/sharp.js',
  'node_modules/some/test/index.js',
  'node_modules/some/tests/index.js',
  'node_modules/some/guide/index.js',
  'node_modules/some/out/index.js',
  'node_modules/some/requests/index.js',
  'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1',
]
const otherPlatforms = ['darwin/arm64', 'win32/x64', 'linux/arm64'].map(
  folder => `node_modules/onnxruntime-node/bin/napi-v6/${folder}/onnxruntime_binding.node`,
)
const ofThisMachine = [
  ...['.local/keys.json', '.local/azurite/db.json', 'local.settings.json', '.env', '.env.production'],
  ...['.azure/dev/.env', '.vscode/settings.json', 'out/app.zip', 'node_modules/.cache/scoring-functions/deflate'],
]

describe.each(ignoreRules)('.funcignore as %s reads it', (_, leftOut) => {
  const rules = readFileSync('.funcignore', 'utf8')

  it('keeps what the app loads, and what a build on the server needs', () => {
    const kept = [
      ...tracked.filter(path =>
        /^(src|functions|templates|create|tools|models)\/(?!published-types|api-page)/.test(path),
      ),
      ...['build.ts', 'require-node.cjs', 'tsconfig.json', 'package.json', 'package-lock.json', '.npmrc', 'host.json'],
      ...['dist/functions.cjs', 'dist/scoring-thread.cjs', 'dist/docs/page.js.br', 'dist/THIRD-PARTY-NOTICES.txt'],
      ...inPackages,
    ]
    assert.deepEqual(leftOut(rules, kept), [])
  })

  it('leaves out what is of no use in Azure, or secret', () => {
    const others = [
      ...tracked.filter(path =>
        /^(test|guide|bench|clients|infra|kernel|tools\/(?:published-types|api-page)|training|examples|\.ci|\.github)\//.test(
          path,
        ),
      ),
      ...['README.md', 'biome.json', 'vitest.config.ts', 'dist/functions.cjs.map', 'coverage/index.html'],
      ...otherPlatforms,
      ...ofThisMachine,
    ].filter(path => !path.startsWith('.git/'))
    assert.deepEqual(leftOut(rules, others), others)
  })
})

describe.each(ignoreRules)('.funcignore of a new project as %s reads it', (_, leftOut) => {
  const rules = readFileSync('templates/project/_funcignore', 'utf8')

  it('keeps what the app loads, and what a build on the server needs', () => {
    const kept = [
      ...['host.json', 'package.json', 'package-lock.json', '.npmrc', 'functions/hello.ts', 'lib/shared.ts'],
      ...['models/iris/service.json', 'models/iris/score.ts', 'models/iris/1/model.onnx', 'models/tests/service.json'],
      ...['node_modules/scoring-functions/dist/functions.cjs', 'node_modules/scoring-functions/package.json'],
      ...inPackages,
    ]
    assert.deepEqual(leftOut(rules, kept), [])
  })

  it('leaves out what is of no use in Azure, or secret', () => {
    const others = [
      ...['README.md', 'tsconfig.json', 'tests/iris.test.ts', 'requests/iris.http', 'http-client.private.env.json'],
      ...otherPlatforms,
      ...ofThisMachine,
    ]
    assert.deepEqual(leftOut(rules, others), others)
  })
})

describe('a build on the server', () => {
  it('finds all that it reads among what .funcignore keeps', async test => {
    const rules = readFileSync('.funcignore', 'utf8')
    const [, [, leftOut]] = ignoreRules as [unknown, (typeof ignoreRules)[number]]
    const ignored = new Set(leftOut(rules, tracked))
    const root = await mkdtemp(join(tmpdir(), 'uploaded-'))
    test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
    for (const path of tracked) if (!ignored.has(path)) await cp(path, join(root, path))
    await symlink(resolve('node_modules'), join(root, 'node_modules'))
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'pipe', shell: process.platform === 'win32' })
    assert.ok((await readFile(join(root, 'dist/functions.cjs'))).length > 0)
  })
})
