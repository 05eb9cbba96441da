import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { describe, it } from 'vitest'
import { slowFiles } from './support/slow-first.ts'

/** Each room and the rooms that it may import; what everybody may import is left out. No circle: who is imported stands above. */
const mayImport: Record<string, readonly string[]> = {
  packaging: [],
  telemetry: [],
  tensor: [],
  encrypted: [],
  client: ['encrypted'],
  auth: [],
  'models/definition': [],
  'models/graph': ['models/session'],
  'models/session': ['models/definition'],
  'models/repository': ['models/definition'],
  scheduling: ['models/session', 'models/definition'],
  scripts: ['scheduling', 'models/session'],
  'workers/pool': ['scheduling', 'models/session'],
  'workers/transport': ['scheduling', 'models/repository', 'models/session'],
  'workers/runtime': [
    'workers/transport',
    'scripts',
    'scheduling',
    'models/repository',
    'models/session',
    'models/definition',
  ],
  inference: ['workers/pool', 'scheduling', 'models/repository', 'models/session', 'models/definition', 'auth'],
  'models/catalogue': ['inference', 'models/repository'],
  'protocols/http': ['scripts', 'inference', 'scheduling', 'models/session', 'auth'],
  'protocols/azureml': [
    'workers/runtime',
    'scripts',
    'protocols/http',
    'inference',
    'scheduling',
    'models/session',
    'auth',
  ],
  'protocols/grpc': [...['protocols/http', 'models/catalogue', 'inference', 'scheduling', 'models/session', 'auth']],
  'protocols/openapi': [
    'workers/runtime',
    'scripts',
    'protocols/azureml',
    'protocols/http',
    'inference',
    'scheduling',
    'models/session',
    'models/definition',
  ],
  'protocols/encrypted': [
    ...['encrypted', 'protocols/azureml', 'protocols/http', 'inference', 'scheduling', 'models/session', 'auth'],
  ],
  'protocols/open-inference': [
    ...['workers/runtime', 'scripts', 'protocols/grpc', 'protocols/http', 'inference', 'scheduling'],
    ...['auth', 'models/catalogue', 'models/session', 'models/definition'],
  ],
  'protocols/tensorflow-serving': [
    ...['protocols/grpc', 'workers/runtime', 'scripts', 'scheduling', 'models/catalogue', 'models/session'],
  ],
  'protocols/ops': [
    ...['protocols/azureml', 'protocols/http', 'models/catalogue', 'models/session', 'inference', 'scheduling'],
    ...['models/definition', 'auth'],
  ],
  triggers: [...['protocols/azureml', 'protocols/http', 'inference', 'scheduling', 'models/definition']],
  jobs: ['models/session', 'models/definition'],
  'jobs/formats': ['jobs', 'models/session'],
  'jobs/output': ['jobs/formats', 'jobs'],
  'jobs/columns': [
    ...['jobs/output', 'jobs/formats', 'jobs', 'workers/runtime', 'scripts', 'scheduling', 'models/session'],
  ],
  'jobs/plan': ['jobs/output', 'jobs/formats', 'jobs'],
  'jobs/score': [
    ...['jobs/columns', 'jobs/plan', 'jobs/output', 'jobs/formats', 'jobs', 'scripts', 'inference', 'scheduling'],
    ...['models/repository', 'models/session', 'models/definition'],
  ],
  'jobs/removal': ['jobs/output', 'jobs'],
  'jobs/recovery': ['jobs/removal', 'jobs/score', 'jobs/output', 'jobs', 'models/definition'],
  'jobs/requests': ['jobs/removal', 'jobs/output', 'jobs/formats', 'jobs', 'inference', 'models/definition'],
  'jobs/thread': ['jobs/steps.ts', 'jobs', 'workers/transport', 'models/session'],
  'jobs/steps.ts': ['jobs/removal', 'jobs/recovery', 'jobs/score', 'jobs/plan', 'jobs/output', 'jobs'],
  'protocols/jobs': [
    'jobs/requests',
    'jobs/output',
    'jobs',
    'protocols/azureml',
    'protocols/http',
    'inference',
    'scripts',
  ],
}
/** Programs beside the app, which no room imports. The host shares nothing with them but errors.ts; the commands know all, tests of users get what is in testing/, and callers what is in client/, which opens workspace/ where it runs on Node.js. The package to deploy is made by packaging/, for both. */
const programs = ['host', 'cli', 'testing', 'client', 'workspace', 'packaging']
const forEverybody = ['tensor', 'telemetry', 'errors.ts', 'clock.ts']
const vendors = /^(@azure\/|@opentelemetry\/|onnxruntime|azurite|sharp)/

const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) [^;]*?from '([^']+)'|^import '([^']+)'/gms)].map(
    match => (match[1] ?? match[2]) as string,
  )

/** A folder under `src/`. Those of protocols, models, workers and jobs are rooms of their own; so is `jobs/steps.ts`, which uses the others. */
function roomOf(path: string): string {
  const [, room = '', inner = '', file] = path.split(sep)
  if (room === 'jobs') return file === undefined && inner !== 'steps.ts' ? 'jobs' : `jobs/${inner}`
  return room === 'protocols' || room === 'models' || room === 'workers' ? `${room}/${inner}` : room
}

describe('the rooms of src/', () => {
  it('import each other in one direction only', () => {
    for (const file of globSync('src/*/**/*.ts')) {
      const allowed = mayImport[roomOf(file)]
      if (!allowed) {
        assert.match(
          roomOf(file),
          /^(adapters|compose|host|cli|testing|workspace)$/,
          `${file} is in a room without a rule`,
        )
        continue // adapters, compose and programs know the others
      }
      for (const target of importsOf(file).filter(specifier => specifier.startsWith('.'))) {
        const room = roomOf(normalize(join(dirname(file), target)))
        assert.ok([roomOf(file), ...allowed, ...forEverybody].includes(room), `${file} imports ${target}`)
      }
    }
  })

  it('are not imported by the host, and import no program', () => {
    for (const file of globSync('src/**/*.ts')) {
      for (const target of importsOf(file).filter(specifier => specifier.startsWith('.'))) {
        const [from, to] = [roomOf(file), roomOf(normalize(join(dirname(file), target)))]
        if (from === 'host') assert.ok(['host', 'errors.ts'].includes(to), `${file} imports ${target}`)
        else if (from === 'workspace')
          assert.ok(
            ['workspace', 'client', 'host', 'packaging'].includes(to) || !programs.includes(to),
            `${file} imports ${target}`,
          )
        else if (from !== 'cli') assert.ok(to === from || !programs.includes(to), `${file} imports ${target}`)
      }
    }
  })

  it('know no vendor and no environment, which are for adapters', () => {
    for (const file of globSync(
      'src/{tensor,models,auth,scheduling,workers,scripts,jobs,protocols,triggers,inference,telemetry,encrypted,client}/**/*.ts',
    )) {
      for (const specifier of importsOf(file)) assert.doesNotMatch(specifier, vendors, file)
      assert.doesNotMatch(readFileSync(file, 'utf8'), /process\.env/, file)
    }
  })

  it('read the time of day only where it is shown or compared with that of others', () => {
    const mayRead = [
      'src/adapters/local/system-clock.ts',
      'src/adapters/local/process-metrics.ts', // when the process started
      'src/adapters/entra-id/entra-authorizers.ts', // expiry of tokens
      'src/adapters/azure/open-key-vault.ts', // the same
      'src/adapters/azure/long-waits.ts', // Retry-After as a date
      'src/adapters/local/folder-repository-files.ts', // what a process that ended has left
      'src/adapters/local/file-lock.ts', // the same
      'src/adapters/local/file-cache.ts', // the same
      'src/adapters/local/process-folder.ts', // the same
      'src/host/clock.ts',
      'src/cli/doctor/machine-checks.ts', // whether the clock was ever set
    ]
    const files = globSync('src/**/*.ts').filter(file => /Date\.now\b/.test(readFileSync(file, 'utf8')))
    assert.deepEqual(
      files.filter(file => !mayRead.includes(file.split(sep).join('/'))),
      [],
    )
  })

  it('register triggers in functions/ only', () => {
    for (const file of globSync('src/**/*.ts'))
      assert.doesNotMatch(
        readFileSync(file, 'utf8'),
        /^\s*app\.(http|storageQueue|storageBlob|serviceBusQueue|timer|eventGrid)\(/m,
        file,
      )
  })
})

describe('slowFiles', () => {
  it('names files that are there', () => {
    for (const file of slowFiles) assert.ok(existsSync(file), file)
  })
})
