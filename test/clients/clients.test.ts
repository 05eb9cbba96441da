/**
 * Programs that know nothing of this project, each as Azure Machine Learning's documentation tells its readers to write
 * it ("Consume an Azure Machine Learning model deployed as a web service"). The scoring URI, the key and the certificate
 * to trust are arguments, the rest is as a user has it; so a failure here is a promise of the README broken.
 */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { Child } from '../host/host-child.ts'
import { pythonWith } from '../support/python.ts'
import { copyOfApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'
import { once, type Run, run, succeed, works } from './tools.ts'

/** What Azure Machine Learning's documentation prints for the two rows. */
const published = '[217.67978776218715, 224.78937091757172]'

interface Client {
  readonly name: string
  readonly service: 'diabetes' | 'diabetes-string'
  /** The command line that runs it, after what has to be built, or the tool that is missing. */
  readonly command: () => Promise<readonly string[] | { readonly missing: string }>
}

const source = (path: string) => join(import.meta.dirname, path)
/** Ends after the last test of this file. */
const cleanUps: (() => unknown)[] = []
const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
let built: string

const withPackages = once(async () => {
  if (await works('python3', '-c', 'import numpy, requests')) return ['python3']
  const found = await pythonWith(source('python/requirements.txt'))
  return 'missing' in found ? found : [found.python]
})

const clients: Client[] = [
  {
    name: 'Python, requests',
    service: 'diabetes',
    command: async () => add(await withPackages(), source('python/score.py')),
  },
  {
    name: 'Python, requests, rows that NumPy saved',
    service: 'diabetes',
    command: async () => add(await withPackages(), source('python/score_numpy.py')),
  },
  {
    name: 'Python, requests, JSON inside a JSON string',
    service: 'diabetes-string',
    command: async () => add(await withPackages(), source('python/score_json_string.py')),
  },
  {
    name: 'Python, standard library',
    service: 'diabetes',
    command: async () => {
      if (!(await works('python3', '--version'))) return { missing: 'python3 is not installed' }
      return ['python3', source('python/score_urllib.py')]
    },
  },
  {
    name: 'Go, net/http',
    service: 'diabetes',
    command: once(async () => {
      if (!(await works('go', 'version'))) return { missing: 'go is not installed' }
      await succeed('go', 'build', '-o', join(built, 'score-go'), source('go/main.go'))
      return [join(built, 'score-go')]
    }),
  },
  {
    // Over HTTP it also offers `Upgrade: h2c`, which a server must be able to ignore.
    name: 'Java, java.net.http',
    service: 'diabetes',
    command: once(async () => {
      if (!(await works('javac', '-version'))) return { missing: 'javac is not installed' }
      await succeed('javac', '-d', join(built, 'java'), source('java/Score.java'))
      return ['java', '-cp', join(built, 'java'), 'Score']
    }),
  },
  {
    name: 'curl',
    service: 'diabetes',
    command: async () => {
      if (!(await works('curl', '--version'))) return { missing: 'curl is not installed' }
      return ['sh', source('curl/score.sh')]
    },
  },
]

// C# runs where there is a .NET SDK. Elsewhere it is left out rather than skipped: a skip is a failure on CI, and .NET
// is no tool that CI has to have.
const { stdout: sdks } = await run('dotnet', '--list-sdks')
const newestSdk = /^(\d+)\./.exec(sdks.trim().split('\n').at(-1) ?? '')?.[1]
if (newestSdk) {
  clients.push({
    name: 'C#, HttpClient',
    service: 'diabetes',
    command: once(async () => {
      // A build writes next to the project, and with the SDK's own framework it needs no download.
      await cp(source('csharp'), join(built, 'csharp'), { recursive: true })
      const project = join(built, 'csharp/Score.csproj')
      await succeed('dotnet', 'build', project, '-o', join(built, 'net'), `-p:TargetFramework=net${newestSdk}.0`)
      return ['dotnet', join(built, 'net/Score.dll')]
    }),
  })
}

describe('POST /score: a client written for an Azure Machine Learning web service', () => {
  let models: string
  beforeAll(async () => {
    built = await mkdtemp(join(tmpdir(), 'clients-'))
    file.onTestFinished(() => rm(built, { recursive: true, force: true, maxRetries: 9 }))
    const sample = 'models/diabetes'
    const definition = JSON.parse(await readFile(join(sample, 'service.json'), 'utf8'))
    const older = { ...definition, response: { encoding: 'json-string' } }
    models = await makeServices({ 'diabetes-string/service.json': older }, file)
    for (const service of ['diabetes', 'diabetes-string']) {
      await cp(sample, join(models, service), { recursive: true, force: false })
    }
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  describe('over HTTP', () => {
    let app: App
    beforeAll(async () => {
      app = await startApp(models)
    })
    it.for(clients)('scores the two published rows: $name', async (client, test) => {
      const command = await client.command()
      if ('missing' in command) return test.skip(command.missing)
      await scores(command, app.scoringUri(client.service), await app.keyOf(client.service))
    })
  })

  describe('over HTTPS with a self-signed certificate', skipFor(noOpenssl), () => {
    let app: App
    let certificate: string
    beforeAll(async () => {
      const { cert, key } = makeCertificates(file)
      certificate = cert
      app = await startApp(models, ['--cert', cert, '--key', key])
    })
    it.for(clients)('scores the two published rows: $name', async (client, test) => {
      const command = await client.command()
      if ('missing' in command) return test.skip(command.missing)
      const scoringUri = app.scoringUri(client.service)
      const key = await app.keyOf(client.service)
      await scores(command, scoringUri, key, certificate)

      // A client that has not been told to trust the certificate sends nothing: the answer above came over a checked one.
      const untold = await runCommand(command, scoringUri, key)
      assert.notEqual(untold.code, 0)
      assert.doesNotMatch(untold.stdout, /217/)
      assert.match(untold.stderr, /certificat/i)
    })
  })
})

/** With the key it prints what is published; with another it says 401. */
async function scores(command: readonly string[], scoringUri: string, key: string, ...certificate: string[]) {
  const answered = await runCommand(command, scoringUri, key, ...certificate)
  assert.equal(answered.code, 0, answered.stderr)
  assert.equal(answered.stdout.trim(), published)

  const refused = await runCommand(command, scoringUri, `${key.slice(0, -4)}nope`, ...certificate)
  assert.notEqual(refused.code, 0)
  assert.equal(refused.stdout.trim(), '')
  assert.match(refused.stderr, /\b401\b/)
}

interface App {
  scoringUri(service: string): string
  keyOf(service: string): Promise<string>
}

/** The built app on its host with both services ready. `runApp` takes no arguments for the host, such as --cert. */
async function startApp(models: string, hostArguments: readonly string[] = []): Promise<App> {
  const root = await copyOfApp(file)
  const host = join(root, 'dist/host-process.cjs')
  const child = new Child(host, ['--app', root, '--port', '0', ...hostArguments], {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    SCORING_MODELS: models,
  })
  file.onTestFinished(() => {
    child.process.kill('SIGTERM')
    return child.ended()
  })
  const [, url] = await child.see(/Listening on (\S+)/)
  for (const service of ['diabetes', 'diabetes-string']) await child.see(new RegExp(`\\[${service}\\] ready`))
  return {
    scoringUri: service => `${url}/api/v1/service/${service}/score`,
    keyOf: async service => JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8'))[service].primary,
  }
}

function runCommand([program, ...first]: readonly string[], ...rest: string[]): Promise<Run> {
  return run(program as string, ...first, ...rest)
}

function add(command: Awaited<ReturnType<Client['command']>>, script: string) {
  return 'missing' in command ? command : [...command, script]
}
