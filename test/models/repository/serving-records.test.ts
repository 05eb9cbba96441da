import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import { readServingRecords } from '../../../src/models/repository/serving-records.ts'
import { findServedVersions, keepServed } from '../../../src/models/repository/used-files.ts'

const record = (deletedAt?: string) =>
  JSON.stringify({ createdAt: '2026-11-01T00:00:00.000Z', files: [], ...(deletedAt && { deletedAt }) })

/** A model with registered versions 1 to `count`. */
function makeModel(count: number, deleted: readonly number[] = []) {
  const listing = new Map<string, string>()
  for (let version = 1; version <= count; version++)
    for (const file of ['model.onnx', 'version.json']) listing.set(`${version}/${file}`, 'etag')
  const read: string[] = []
  const readText = async (path: string) => {
    read.push(path)
    return {
      text: record(deleted.includes(Number(path.split('/')[1])) ? '2026-11-02T00:00:00.000Z' : undefined),
      version: '',
    }
  }
  return { listing, read, files: { readText } }
}

const served = (definition: object) => findServedVersions(ServiceDefinition.parse(definition))

describe('readServingRecords', () => {
  it('reads one record of hundreds where the newest version is served', async () => {
    const { listing, read, files } = makeModel(400)
    const records = await readServingRecords(files, { name: 'churn', listing, served: served({}) })
    assert.deepEqual([[...records.keys()], read], [['400'], ['churn/400/version.json']])
  })

  it('reads on below versions that were deleted and whose files are still there', async () => {
    const { listing, files } = makeModel(9, [7, 8, 9])
    const records = await readServingRecords(files, { name: 'churn', listing, served: served({}) })
    assert.deepEqual([...records.keys()], ['9', '8', '7', '6'])
  })

  it('reads those of versions that service.json names, with the newest', async () => {
    const { listing, files } = makeModel(9)
    const definition = { deployments: { blue: { version: 2, weight: 100 }, green: { version: 4, weight: 0 } } }
    const records = await readServingRecords(files, { name: 'churn', listing, served: served(definition) })
    assert.deepEqual([...records.keys()], ['2', '4', '9'])
  })
})

describe('keepServed', () => {
  const listing = new Map(['service.json', '1/model.onnx', '2/model.onnx', '3/model.onnx'].map(path => [path, 'etag']))
  const kept = (definition: object) => [...keepServed(listing, served(definition)).keys()]

  it('keeps the newest version, or those that service.json names', () => {
    assert.deepEqual(kept({}), ['service.json', '3/model.onnx'])
    assert.deepEqual(kept({ models: { m: { path: '1/model.onnx' } } }), ['service.json', '1/model.onnx'])
  })

  it('keeps both where one deployment names a version and another one takes the newest', () => {
    const deployments = { blue: { version: 1, weight: 90 }, green: { weight: 10 } }
    assert.deepEqual(kept({ deployments }), ['service.json', '1/model.onnx', '3/model.onnx'])
  })
})
