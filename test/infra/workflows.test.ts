import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import semver from 'semver'
import { describe, it } from 'vitest'
import { parse } from 'yaml'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions?: Readonly<Record<string, string>>
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly permissions?: Readonly<Record<string, string>>
        readonly 'timeout-minutes'?: number
        readonly steps: readonly Step[]
      }
    >
  >
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const workflows = globSync('.github/workflows/*.yml').map(file => ({
  file: file.replaceAll('\\', '/'),
  text: readFileSync(file, 'utf8'),
  workflow: parse(readFileSync(file, 'utf8')) as Workflow,
}))
const steps = workflows.flatMap(({ file, workflow }) =>
  Object.values(workflow.jobs).flatMap(job => job.steps.map(step => ({ file, step }))),
)

/** What jobs may have beside reading the repository, and why. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  '.github/workflows/release.yml': ['id-token: write', 'attestations: write', 'contents: write'],
  '.github/workflows/deploy.yml': ['id-token: write'],
  '.github/workflows/codeql.yml': ['security-events: write'],
}

describe('.github/workflows', () => {
  it.each(workflows)('$file may read the repository, and its jobs only what they need', ({ file, workflow }) => {
    assert.deepEqual(workflow.permissions, { contents: 'read' })
    const more = Object.values(workflow.jobs)
      .flatMap(({ permissions }) => Object.entries(permissions ?? {}))
      .map(([name, access]) => `${name}: ${access}`)
      .filter(text => text !== 'contents: read')
    assert.deepEqual(
      more.filter(text => !allowed[file]?.includes(text)),
      [],
    )
  })

  it.each(workflows)('$file runs with no rights for what strangers send, and does not run for ever', ({ workflow }) => {
    const events = Object.keys(workflow.on)
    assert.deepEqual(
      events.filter(event => ['pull_request_target', 'workflow_run', 'issue_comment'].includes(event)),
      [],
    )
    for (const job of Object.values(workflow.jobs)) assert(Number(job['timeout-minutes']) <= 60)
  })

  it('writes a release where nothing of the repository runs', () => {
    const release = workflows.find(({ file }) => file.endsWith('release.yml'))
    const writers = Object.values(release?.workflow.jobs ?? {}).filter(
      ({ permissions }) => permissions?.contents === 'write',
    )
    assert.equal(writers.length, 1)
    for (const { run = '', uses = '' } of writers[0]?.steps ?? [])
      assert.doesNotMatch(`${run}${uses}`, /\bnpm\b|\bnode\b|checkout/)
  })

  it('puts nothing that others write into a script', () => {
    for (const { file, step } of steps) assert.doesNotMatch(step.run ?? '', /\$\{\{/, file)
  })

  it('keeps no token of the repository after the checkout', () => {
    const checkouts = steps.filter(({ step }) => step.uses?.startsWith('actions/checkout@'))
    assert(checkouts.length >= 5)
    for (const { step } of checkouts) assert.equal(step.with?.['persist-credentials'], false)
  })

  it('names actions by their commit with its version, or by a tag with the reason', () => {
    for (const { file, text } of workflows) {
      const lines = text.split('\n')
      for (const [index, line] of lines.entries()) {
        const [, action] = /^\s*- uses: (.*)$/.exec(line) ?? []
        if (action === undefined || /^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action)) continue
        assert.match(action, /^(Azure|github)\/[\w./-]+@v\d+$/, file)
        assert(
          lines.slice(index - 5, index).some(each => each.includes('# By their tag') || each.includes('# By its tag')),
          `${file}: ${action}`,
        )
      }
    }
  })

  it('has one commit for each action', () => {
    const commits = Map.groupBy(
      steps.flatMap(({ step }) => step.uses ?? []),
      uses => uses.split('@')[0],
    )
    for (const [action, uses] of commits) assert.equal(new Set(uses).size, 1, action)
  })

  it('runs scripts that package.json has, and files that are there', () => {
    const text = steps.map(({ step }) => step.run ?? '').join('\n')
    const scripts = [...text.matchAll(/\bnpm (?:run )?(?:-s )?(test|package|lint|types|build|check|[\w:]+)\b/g)].map(
      ([, name = '']) => name,
    )
    const ofNpm = ['ci', 'pack', 'sbom', 'run']
    assert.deepEqual(
      scripts.filter(name => !ofNpm.includes(name) && !(name in manifest.scripts)),
      [],
    )
    for (const [path] of text.matchAll(/\b(?:infra|\.ci)\/[\w./-]+/g)) assert(existsSync(path), path)
    for (const [, target] of text.matchAll(/--target (\w+)/g)) {
      assert.match(readFileSync('infra/container/Dockerfile', 'utf8'), new RegExp(`AS ${target}$`, 'm'))
    }
  })

  it('runs on the Node.js of package.json, the same everywhere', () => {
    const versions = steps
      .filter(({ step }) => step.uses?.startsWith('actions/setup-node@'))
      .map(({ step }) => String(step.with?.['node-version']))
    assert.deepEqual([...new Set(versions)], ['24'])
    assert(semver.satisfies('24.0.0', manifest.engines.node))
  })

  it('lists in a release what the package is made of, with the command that is written there', async () => {
    const { text } = workflows.find(({ file }) => file.endsWith('release.yml')) ?? { text: '' }
    const [, options = ''] = /^ +npm (sbom .*) >release\/sbom\.cdx\.json$/m.exec(text) ?? []
    const npm = promisify(execFile)('npm', options.split(' '), {
      maxBuffer: 2 ** 26,
      shell: process.platform === 'win32',
    })
    const { components } = JSON.parse((await npm).stdout)
    const names = new Set(components.map(({ name }: { name: string }) => name))
    const { dependencies, devDependencies } = manifest
    assert.deepEqual(
      Object.keys({ ...dependencies, ...devDependencies }).filter(name => !names.has(name)),
      [],
    )
  })

  it('deploys with what azd reads', () => {
    const { text } = workflows.find(({ file }) => file.endsWith('deploy.yml')) ?? { text: '' }
    const parameters = readFileSync('infra/main.parameters.json', 'utf8')
    const ofAzd = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID']
    const names = [...text.matchAll(/^ {6}([A-Z_]+): /gm)].map(([, name = '']) => name)
    assert.deepEqual(
      names.filter(name => !ofAzd.includes(name) && !parameters.includes(`\${${name}`)),
      [],
    )
  })
})

describe('.github/dependabot.yml', () => {
  it('looks at folders that are there, and knows packages that are used', () => {
    const { updates } = parse(readFileSync('.github/dependabot.yml', 'utf8'))
    for (const update of updates) {
      for (const folder of update.directories ?? [update.directory]) assert(existsSync(`.${folder}`), folder)
      for (const { 'dependency-name': name } of update.ignore ?? []) assert(name in manifest.dependencies, name)
    }
  })
})

describe('azure.yaml', () => {
  it.each(['azure.yaml', 'infra/container-apps/azure.yaml'])(
    '%s runs scripts and hooks that are there, on both shells',
    file => {
      const folder = file.replace(/azure\.yaml$/, '')
      const { hooks, services } = parse(readFileSync(file, 'utf8'))
      const all = Object.values({ ...hooks, ...services.scoring.hooks }) as Record<
        'windows' | 'posix',
        { run: string }
      >[]
      for (const { windows, posix } of all) {
        assert.deepEqual(windows.run, posix.run)
        for (const [, script = ''] of posix.run.matchAll(/npm run (\w+)/g)) assert(script in manifest.scripts, script)
        for (const [, hook = ''] of posix.run.matchAll(/node (\S+)/g)) assert(existsSync(`${folder}${hook}`), hook)
      }
    },
  )
})
