import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import type { LoadReport } from '../../../src/models/session/load-report.ts'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import { readMetadataRequest, writeMetadata } from '../../../src/protocols/tensorflow-serving/model-metadata.ts'
import { readModelSpec } from '../../../src/protocols/tensorflow-serving/model-spec.ts'
import { writePredict, writeSpec } from '../../support/predict-messages.ts'

const { metadata } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/tensorflow-serving/messages.json'), 'utf8'),
) as { metadata: string }

const report: LoadReport = {
  scriptKind: 'typed',
  takesHeaders: false,
  executionProvider: 'cpu',
  inputs: [{ name: 'images', dtype: 'float32', shape: ['rows', 8, 8] }],
  outputs: [{ name: 'scores', dtype: 'float32', shape: undefined }],
  lists: [],
  isBatchable: true,
  notes: [],
  loadMs: 0,
  warmUpMs: 0,
}

describe('writeMetadata', () => {
  it('writes the bytes that TensorFlow Serving’s package writes, with the names that callers know', () => {
    const named = { name: 'digits', version: '3' }
    // The name of the tensor in TensorFlow is that of the output in the model; the fixture has one name for both.
    const own = { ...report, outputs: [{ ...report.outputs[0]!, name: 'probabilities' }] }
    assert.equal(Buffer.from(writeMetadata(named, own, {}).finish()).toString('base64'), metadata)
    const renamed = Buffer.from(writeMetadata(named, report, { scores: 'probabilities' }).finish()).toString('latin1')
    assert.match(renamed, /probabilities.*scores:0/s)
  })

  it('has no tensors for a service whose script reads bodies', () => {
    const raw = writeMetadata({ name: 'raw', version: '1' }, { ...report, scriptKind: 'raw' }, {})
    assert.doesNotMatch(Buffer.from(raw.finish()).toString('latin1'), /images|scores/)
  })
})

describe('readMetadataRequest', () => {
  const request = (...fields: string[]) => {
    const message = new MessageWriter().message(1, writeSpec({ name: 'digits', version: 3 }))
    for (const field of fields) message.text(2, field)
    return message.finish()
  }

  it('reads which model is meant', () => {
    const { name, version } = readMetadataRequest(request('signature_def'))
    assert.deepEqual([name, version], ['digits', '3'])
  })

  it.for([
    [[], 'metadata_field is empty; ask for "signature_def"'],
    [['signature_def', 'assets'], 'metadata_field is "assets"; ask for "signature_def"'],
  ] as const)('refuses %j', ([fields, message]) => {
    assert.throws(() => readMetadataRequest(request(...fields)), { code: 'INPUT_INVALID', message })
  })
})

describe('readModelSpec', () => {
  const message = writePredict({
    model: { name: 'digits', version: 12, signature: 'serving_default' },
    filter: ['a'],
  }).finish()

  it('reads name and version from the beginning of a message, as far as it is there', () => {
    const { name, version } = readModelSpec(message)
    assert.deepEqual([name, version], ['digits', '12'])
    assert.equal(readModelSpec(message.subarray(0, -3)).name, 'digits')
    for (let end = 0; end < message.indexOf(0x1a) + 2; end++)
      assert.deepEqual(readModelSpec(message.subarray(0, end)), {})
  })

  it('reads nothing from a message that begins with another field, or is malformed', () => {
    assert.deepEqual(readModelSpec(writePredict({ filter: ['digits'] }).finish()), {})
    assert.deepEqual(readModelSpec(Uint8Array.of(0x0a, 0x02, 0x0a, 0x09)), {})
  })

  it('knows a version that is 0, and one that is not said', () => {
    assert.equal(readModelSpec(writePredict({ model: { version: 0 } }).finish()).version, '0')
    assert.equal(readModelSpec(writePredict({ model: { name: 'x' } }).finish()).version, undefined)
  })
})
