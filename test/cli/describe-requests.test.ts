import assert from 'node:assert/strict'
import { BlobServiceClient } from '@azure/storage-blob'
import { describe, it } from 'vitest'
import { describeRequests, type RequestFacts } from '../../src/cli/describe-requests.ts'
import { openServiceAlone } from '../../src/compose/service-alone.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { runApp } from '../support/running-app.ts'

interface ParsedRequest {
  readonly title: string
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
}

/**
 * Reads a `.http` file as its editors do (https://http-files.org/spec): requests between `###`, headers up to an empty line,
 * variables in double braces.
 *
 * @param given  variables of the environment, which win over those of the file
 */
function parseHttpFile(text: string, given: Record<string, string>): ParsedRequest[] {
  const [head = '', ...blocks] = text.split(/^### /m)
  const inFile = Object.fromEntries([...head.matchAll(/^@(\S+) = (.*)$/gm)].map(([, name, value]) => [name, value]))
  const values: Record<string, string> = { ...inFile, ...given, $timestamp: '1790000000' }
  const fill = (line: string) =>
    line.replace(/\{\{([^}]*)\}\}/g, (_, name) => values[name] ?? assert.fail(`no ${name}`))
  return blocks.map(block => {
    const [title = '', ...lines] = block.split('\n')
    const end = lines.indexOf('')
    const [line = '', ...headers] = lines.slice(0, end).map(fill)
    const [method = '', url = ''] = line.split(' ')
    const body = fill(lines.slice(end).join('\n').trim())
    return {
      title,
      method,
      url,
      headers: Object.fromEntries(headers.map(header => header.split(': '))),
      body: body === '' ? undefined : body,
    }
  })
}

async function factsOf(service: string): Promise<RequestFacts> {
  const alone = await openServiceAlone(`models/${service}`)
  await alone.stop()
  return { service, report: alone.report, authMode: 'key', url: 'http://localhost:7071' }
}

describe('describeRequests', () => {
  it('writes requests that the app answers', async test => {
    const connectionString = await startStorage(test)
    const app = await runApp(test, undefined, { AzureWebJobsStorage: connectionString })
    await app.settled()
    const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('input')
    await container.create()
    const csv = 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n0,0,0,0,0,0,0,0,0,0\n'
    await container.uploadBlockBlob('diabetes.csv', csv, csv.length)

    const text = describeRequests({ ...(await factsOf('diabetes')), url: app.url })
    const key = await app.keyOf('diabetes')
    const answers = new Map<string, [number, string]>()
    for (const { title, method, url, headers, body } of parseHttpFile(text, { SCORING_KEY_DIABETES: key })) {
      const response = await fetch(url, { method, headers, ...(body !== undefined && { body }) })
      answers.set(title, [response.status, await response.text()])
    }
    const statuses = [...answers].map(([title, [status]]) => [title, status])
    assert.deepEqual(statuses, [
      ['Score diabetes', 200],
      ['A wrong body: 400, and a message that says why', 400],
      ['State of all services, with versions and notes', 200],
      ['OpenAPI document', 200],
      ['Submit a batch job: upload a CSV file as input/diabetes.csv to the storage account first', 202],
      ['The latest jobs', 200],
    ])
    assert.match(answers.get('The latest jobs')?.[1] ?? '', /"try-1790000000"/)
    assert.equal(text.includes(key), false)
  })

  it('sends images as files, and tells nobody what is wrong for a script that reads text itself', async () => {
    const text = describeRequests(await factsOf('digits'))
    const requests = parseHttpFile(text, { SCORING_KEY_DIGITS: 'k' })
    assert.deepEqual(requests.find(({ headers }) => headers['Content-Type'] === 'image/png')?.body, '< ./input.png')
    assert.doesNotMatch(describeRequests(await factsOf('iris')), /A wrong body/)
  })

  it('needs no key for a public service, and names the variable of another by its service', () => {
    const report = { scriptKind: 'typed', inputSample: '{"data": [1]}' } as const
    const facts = { service: 'spam-filter', report, url: 'https://x.example' }
    assert.doesNotMatch(describeRequests({ ...facts, authMode: 'none' }), /Authorization|KEY/)
    assert.match(
      describeRequests({ ...facts, authMode: 'key' }),
      /^Authorization: Bearer \{\{SCORING_KEY_SPAM_FILTER\}\}$/m,
    )
    assert.match(describeRequests({ ...facts, authMode: 'token' }), /^# A token of Microsoft Entra ID$/m)
    assert.match(describeRequests({ ...facts, authMode: 'key' }), /replace the values/)
  })
})
