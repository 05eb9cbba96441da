import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { checkKeys, checkRequest } from '../../src/encrypted/ckks/check.ts'
import { CkksEngine } from '../../src/encrypted/ckks/engine.ts'
import { Kernel } from '../../src/encrypted/kernel.ts'
import { GenuineClient } from '../encrypted/support/genuine-client.ts'
import { findBlobsWith } from '../support/blobs-with.ts'
import { type EncryptedApp, encryptedService, keyContainer, runEncryptedApp } from '../support/encrypted-app.ts'
import { encryptedPython as python } from '../support/encrypted-python.ts'
import { runPython } from '../support/run-python.ts'
import { skipFor } from '../support/skip-for.ts'
import { run } from './tools.ts'

const script = 'test/clients/python/score_encrypted.py'
/** Models and a row for each. */
const cases = [
  [10, 784],
  [3, 4097],
  [1, 13],
  [2, 64],
].map(([classCount = 0, featureCount = 0]) => ({
  weights: Array.from({ length: classCount }, (_, row) =>
    Array.from({ length: featureCount }, (_, at) => Math.sin(row * 2.1 + at)),
  ),
  bias: Array.from({ length: classCount }, (_, row) => Math.cos(row)),
  features: Array.from({ length: featureCount }, (_, at) => (at % 17) / 16),
}))

const program = 'python' in python ? python.python : ''

describe(
  'CkksEngine, with the Python package encrypted-inference',
  skipFor('missing' in python && python.missing),
  () => {
    let folder: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'encrypted-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))

    // A reply that it does not like ends the package's process by SIGABRT, so that the exit code is part of the answer.
    const call = async (command: string) => {
      const { code, stdout, stderr } = await run(program, script, command, folder)
      assert.equal(code, 0, stderr)
      return stdout
    }

    it('scores what it encrypts, so that it reads the scores', async () => {
      await writeFile(join(folder, 'rows.json'), JSON.stringify(cases.map(({ features }) => features)))
      await call('prepare')
      const { secret_key, key_id, requests } = JSON.parse(await readFile(join(folder, 'requests.json'), 'utf8'))

      const kernel = await Kernel.create()
      const engine = new CkksEngine(kernel)
      const keys = engine.prepareKeys(checkKeys(await readFile(join(folder, 'keys.bin'))))
      const replies = cases.map(({ weights, bias, features }, index) => {
        const model = engine.prepareModel({
          weights: Float64Array.from(weights.flat()),
          bias: Float64Array.from(bias),
          featureCount: features.length,
        })
        const request = checkRequest(requests[index], features.length)
        return engine.score(model, request, keys).map(reply => Buffer.from(reply).toString('base64'))
      })
      await writeFile(join(folder, 'replies.json'), JSON.stringify(replies))
      const scores: number[][] = JSON.parse(await call('decrypt'))

      const testClient = new GenuineClient(kernel, Buffer.from(secret_key, 'base64'))
      assert.equal(testClient.keyId, key_id)
      cases.forEach(({ weights, bias, features }, index) => {
        weights.forEach((row, number) => {
          const expected = row.reduce((sum, weight, at) => sum + weight * features[at]!, bias[number]!)
          const score = scores[index]?.[number] as number
          assert.ok(Math.abs(score - expected) < 1e-6, `case ${index}, class ${number}: ${score}, expected ${expected}`)
          // The client of other tests decrypts as the package does.
          const own = testClient.decrypt(Buffer.from(replies[index]![number]!, 'base64'))
          assert.ok(Math.abs(own - score) < 1e-11, `${own}, and the package reads ${score}`)
        })
      })
    })
  },
)

describe(
  'an encrypted service, called by the Python package encrypted-inference',
  skipFor('missing' in python && python.missing),
  () => {
    const cleanUps: (() => unknown)[] = []
    let running: EncryptedApp
    let rows: number[][]
    let expected: number[][]
    beforeAll(async () => {
      ;({ rows, scores: expected } = JSON.parse(await readFile('test/fixtures/encrypted/held-out-digits.json', 'utf8')))
      running = await runEncryptedApp({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    })
    afterAll(async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp()
    })

    const callBy = async (script: string, given: object) => {
      const key = await running.app.keyOf(encryptedService)
      const input = JSON.stringify({ url: running.url, key, ...given })
      return JSON.parse(await runPython(program, `test/clients/python/${script}`, input))
    }
    const requireClose = (scores: readonly number[][], count: number) => {
      assert.equal(scores.length, count)
      for (const [row, right] of expected.slice(0, count).entries()) {
        const found = scores[row] as number[]
        assert.equal(found.length, right.length)
        for (const [at, score] of right.entries())
          assert.ok(
            Math.abs((found[at] as number) - score) <= 1e-6,
            `row ${row}, class ${at}: ${found[at]}, not ${score}`,
          )
        assert.equal(argmax(found), argmax(right))
      }
    }
    const accountKey = () => /AccountKey=([^;]+)/.exec(running.storage)?.[1] as string

    // Its client takes half a second of a processor for a row.
    it('scores held-out digits by the steps of the tutorial, with keys that its client uploads', async () => {
      const count = process.env.CI ? rows.length : 12
      const given = { rows: rows.slice(0, count), conn_str: running.storage, container: keyContainer }
      const { key_id, scores } = await callBy('encrypted_tutorial.py', given)
      requireClose(scores, count)
      assert.ok(!running.app.output().includes(accountKey()))
      assert.ok(await running.blobs.getContainerClient(keyContainer).getBlobClient(key_id).exists())
    })

    it('scores with keys that came by PUT', async () => {
      const { scores } = await callBy('encrypted_tutorial.py', { rows: rows.slice(0, 3) })
      requireClose(scores, 3)
    })

    it('scores the rows of a job, which leave no connection string behind', async () => {
      for (const name of ['input', 'output']) await running.blobs.createContainer(name)
      const given = { rows: rows.slice(0, 3), conn_str: running.storage, container: keyContainer }
      const { status, scores } = await callBy('encrypted_job.py', given)
      assert.equal(status, 'Completed')
      requireClose(scores, 3)
      assert.deepEqual(await findBlobsWith(running.blobs.getContainerClient('jobs'), accountKey()), [])
    })
  },
)

const argmax = (values: readonly number[]) => values.indexOf(Math.max(...values))
