/**
 * Clients that OpenAPI Generator (openapi-generator.tech, a Java program from Maven Central) makes from the document of the
 * service, in each version.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { once, run, succeed, works } from './tools.ts'

/** The newest, and one of those (7.10 to 7.20) whose Python clients take entries that may be null for a missing class. */
const generatorVersions = ['7.25.0', '7.17.0']
/** Of the document. */
const versions = ['2', '3', '3.1']
/** Maven finds it, and what it copies, where its settings say, and keeps them. */
const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
/** Java and Maven run for seconds, so compiling for speed does not pay. */
const compileLess = '-XX:TieredStopAtLevel=1'
const java = [compileLess, '-jar']
const program = join(import.meta.dirname, 'generated/score.py')

describe('OpenAPI Generator: a client generated from the document of a service', () => {
  let app: RunningApp
  let built: string
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    built = await mkdtemp(join(tmpdir(), 'generated-'))
    cleanUps.push(() => rm(built, { recursive: true, force: true, maxRetries: 9 }))
    app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  /** The jar of a version, or what is missing to get it. */
  const fetchGenerator = async (version: string) => {
    if (!(await works('java', '-version'))) return { missing: 'java is not installed' }
    if (!(await works('mvn', '--version'))) return { missing: 'mvn (Maven) is not installed' }
    const artifact = `org.openapitools:openapi-generator-cli:${version}`
    const options = [`-Dartifact=${artifact}`, `-DoutputDirectory=${built}`]
    process.env.MAVEN_OPTS ??= compileLess
    if (!(await works('mvn', '--batch-mode', '--quiet', copyGoal, ...options)))
      return { missing: `Maven cannot fetch ${artifact}` }
    return { jar: join(built, `openapi-generator-cli-${version}.jar`) }
  }

  /** Folders of the clients by version of the document, made in one run of the generator: starting Java takes longer. */
  const generate = async (
    toolVersion: string,
  ): Promise<{ missing: string } | { jar: string; clients: ReadonlyMap<string, string> }> => {
    const tool = await fetchGenerator(toolVersion)
    if (tool.missing !== undefined) return tool
    const clients = versions.map(version => [version, join(built, `client-${toolVersion}-${version}`)] as const)
    const configs = await Promise.all(
      clients.map(async ([version, outputDir]) => {
        const document = await fetch(`${app.url}/api/v1/service/diabetes/swagger.json?version=${version}`)
        await writeFile(`${outputDir}.json`, await document.text())
        const options = { generatorName: 'python', additionalProperties: { packageName: 'scoring_client' } }
        await writeFile(
          `${outputDir}.config.json`,
          JSON.stringify({ inputSpec: `${outputDir}.json`, outputDir, ...options }),
        )
        return `${outputDir}.config.json`
      }),
    )
    await succeed('java', ...java, tool.jar, 'batch', '--fail-fast', ...configs)
    return { jar: tool.jar, clients: new Map(clients) }
  }

  const clients = generatorVersions.flatMap(toolVersion => {
    const generated = once(() => generate(toolVersion))
    return versions.map(version => [toolVersion, version, generated] as const)
  })
  it.for(clients)(
    'scores the two published rows: OpenAPI Generator $0, Python, version $1',
    async ([toolVersion, version, generated], test) => {
      const made = await generated()
      if ('missing' in made) return test.skip(made.missing)
      const client = made.clients.get(version) as string
      if (toolVersion === generatorVersions[0]) {
        const validated = await run('java', ...java, made.jar, 'validate', '--input-spec', `${client}.json`)
        assert.match(validated.stdout, /No validation issues detected/, validated.stdout + validated.stderr)
      }
      const tools = await pythonWith(join(client, 'requirements.txt'))
      if ('missing' in tools) return test.skip(tools.missing)
      const key = await app.keyOf('diabetes')
      const scored = await run(tools.python, program, client, app.url, key)
      assert.equal(scored.stderr, '')
      assert.deepEqual(scored.stdout.trim().split('\n'), ['Healthy', '[217.67978776218715, 224.78937091757172]'])
      const refused = await run(tools.python, program, client, app.url, `${key.slice(0, -4)}nope`)
      assert.deepEqual([refused.code, refused.stderr.trim()], [1, '401 BEARER_REJECTED'])
    },
  )
})
