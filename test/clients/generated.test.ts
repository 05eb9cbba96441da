/**
 * A client that nobody wrote: OpenAPI Generator (openapi-generator.tech, a Java program from Maven Central) makes it from
 * the document of the service, in each version.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { once, run, succeed, works } from './tools.ts'

/** The newest, and one of those (7.10 to 7.20) whose Python clients take entries that may be null for a missing class. */
const generatorVersions = ['7.25.0', '7.17.0']
/** Maven finds it, and what it copies, where its settings say, and keeps them. */
const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
/** The client is made once, so compiling for speed does not pay. */
const java = ['-XX:TieredStopAtLevel=1', '-jar']
const program = join(import.meta.dirname, 'generated/score.py')

describe('a client generated from the document of a service', () => {
  let app: RunningApp
  let built: string
  const cleanUps: (() => unknown)[] = []
  before(async () => {
    built = await mkdtemp(join(tmpdir(), 'generated-'))
    cleanUps.push(() => rm(built, { recursive: true, force: true }))
    app = await runApp({ after: cleanUp => cleanUps.push(cleanUp as () => unknown) })
    await app.settled()
  })
  after(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  /** The jar of a version, or what is missing to get it. */
  const fetchGenerator = async (version: string) => {
    if (!(await works('java', '-version'))) return { missing: 'java is not installed' }
    if (!(await works('mvn', '--version'))) return { missing: 'mvn (Maven) is not installed' }
    const artifact = `org.openapitools:openapi-generator-cli:${version}`
    if (
      !(await works('mvn', '--batch-mode', '--quiet', copyGoal, `-Dartifact=${artifact}`, `-DoutputDirectory=${built}`))
    )
      return { missing: `Maven cannot fetch ${artifact}` }
    return { jar: join(built, `openapi-generator-cli-${version}.jar`) }
  }

  for (const toolVersion of generatorVersions) {
    const generator = once(() => fetchGenerator(toolVersion))
    for (const version of ['2', '3', '3.1'])
      it(`scores the two published rows: OpenAPI Generator ${toolVersion}, Python, version ${version}`, async test => {
        const tool = await generator()
        if ('missing' in tool) return test.skip(tool.missing)
        const client = join(built, `client-${toolVersion}-${version}`)
        const document = `${client}.json`
        const url = `${app.url}/api/v1/service/diabetes/swagger.json?version=${version}`
        await writeFile(document, await (await fetch(url)).text())

        const validated = await run('java', ...java, tool.jar, 'validate', '--input-spec', document)
        assert.match(validated.stdout, /No validation issues detected/, validated.stdout + validated.stderr)
        const options = ['--generator-name', 'python', '--additional-properties', 'packageName=scoring_client']
        await succeed('java', ...java, tool.jar, 'generate', '--input-spec', document, '--output', client, ...options)

        const tools = await pythonWith(join(client, 'requirements.txt'))
        if ('missing' in tools) return test.skip(tools.missing)
        const key = await app.keyOf('diabetes')
        const scored = await run(tools.python, program, client, app.url, key)
        assert.equal(scored.stderr, '')
        assert.deepEqual(scored.stdout.trim().split('\n'), ['Healthy', '[217.67978776218715, 224.78937091757172]'])
        const refused = await run(tools.python, program, client, app.url, `${key.slice(0, -4)}nope`)
        assert.deepEqual([refused.code, refused.stderr.trim()], [1, '401 BEARER_REJECTED'])
      })
  }
})
