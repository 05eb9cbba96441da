import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { findVersion, sortVersions } from '../../../src/models/repository/versions.ts'

describe('findVersion', () => {
  const services: [what: string, paths: string[], version: string | undefined][] = [
    ['one model', ['2/model.onnx'], '2'],
    ['a model deep in its version', ['3/onnx/model.onnx'], '3'],
    ['models of the same version', ['10/encode.onnx', '10/score.onnx'], '10'],
    ['models of different versions', ['1/encode.onnx', '2/score.onnx'], undefined],
    ['a model beside service.json', ['model.onnx'], undefined],
    ['a file whose name is a number', ['7'], undefined],
    ['models of which one is beside service.json', ['1/encode.onnx', 'score.onnx'], undefined],
    ['a model in a folder with a name', ['onnx/model.onnx'], undefined],
    ['a model in a folder with a leading zero', ['007/model.onnx'], undefined],
    ['no model', [], undefined],
  ]
  it.each(services)('of %s: %j is %s', (_, paths, version) => assert.equal(findVersion(paths), version))
})

describe('sortVersions', () => {
  it('sorts numbered folders as numbers and leaves out the others, also numbers with leading zeros, as Triton does', () => {
    assert.deepEqual(sortVersions(['10', 'lib', '9', '2', 'v3', '1.5', '007', '20240131']), [
      '2',
      '9',
      '10',
      '20240131',
    ])
  })
})
