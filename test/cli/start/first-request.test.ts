import assert from 'node:assert/strict'
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { chooseExample, describeCurl, type Example } from '../../../src/cli/start/first-request.ts'
import type { ServiceState } from '../../../src/cli/start/readiness.ts'
import { makeServices } from '../../support/service-folder.ts'

const ready = (body: string, isScored = true): ServiceState => ({ status: 'ready', example: { body, isScored } })

describe('chooseExample', () => {
  it('takes the shortest one of services that were changed together, on one line and with numbers as written', async () => {
    const services = { long: ready('{"data": [[1, 2, 3]]}'), short: ready('{\n "data": [[1.0]]\n}') }
    assert.deepEqual(await chooseExample(services, '/nowhere'), {
      service: 'short',
      body: '{"data":[[1.0]]}',
      isScored: true,
    })
  })

  it('takes that of the service that was changed last', async test => {
    const models = await makeServices({ 'new/service.json': {}, 'old/service.json': {}, 'old/1/notes.txt': '' }, test)
    for (const file of ['old/service.json', 'old/1/notes.txt']) await utimes(join(models, file), 1000, 1000)
    const services = { new: ready('[[1, 2, 3]]'), old: ready('[[1]]') }
    assert.equal((await chooseExample(services, models))?.service, 'new')
    await utimes(join(models, 'old/1/notes.txt'), 4e9, 4e9)
    assert.equal((await chooseExample(services, models))?.service, 'old')
  })

  it('prefers one that was scored to one that only shows the form', async () => {
    const services = { form: ready('[0]', false), scored: ready('[[1, 2]]'), failed: { status: 'failed' as const } }
    assert.equal((await chooseExample(services, '/nowhere'))?.service, 'scored')
    assert.equal((await chooseExample({ form: ready('[0]', false) }, '/nowhere'))?.service, 'form')
    assert.equal(await chooseExample({ failed: { status: 'failed' } }, '/nowhere'), undefined)
  })
})

describe('describeCurl', () => {
  const options = { url: 'http://localhost:7071', credential: 'k', modelsDir: '/nowhere', workingDir: '/' }
  const example = (body: string): Example => ({ service: 'sut', body, isScored: true })

  it('is lines that are pasted together, quoted for a POSIX shell', async () => {
    assert.equal(
      await describeCurl(example(`{"data":["it's"]}`), options),
      [
        'curl http://localhost:7071/api/v1/service/sut/score \\',
        `  -H 'Authorization: Bearer k' \\`,
        `  -H 'Content-Type: application/json' -d '{"data":["it'\\''s"]}'`,
      ].join('\n'),
    )
  })

  it('has no credential for a public service, and names the certificate', async () => {
    assert.equal(
      await describeCurl(example('[1]'), { ...options, credential: undefined, certPath: '/a b/cert.pem' }),
      `curl --cacert '/a b/cert.pem' http://localhost:7071/api/v1/service/sut/score \\\n  -H 'Content-Type: application/json' -d '[1]'`,
    )
  })

  it('sends a long body from its file, if there is one', async test => {
    const body = `{"data":[[${'1.5,'.repeat(100)}1.5]]}`
    const sample = body.replaceAll(',', ', ')
    const modelsDir = await makeServices({ 'sut/service.json': {}, 'sut/sample.json': sample }, test)
    const there = { ...options, modelsDir, workingDir: modelsDir }
    assert.match(await describeCurl(example(body), there), /-d '@sut\/sample\.json'$/)
    assert.ok((await describeCurl(example(body), options)).endsWith(`-d '${body}'`))
  })
})
