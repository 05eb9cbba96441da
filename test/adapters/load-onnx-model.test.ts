import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { loadOnnxModel } from '../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'

async function load(test: TestContext, executionProviders: unknown[], onUnavailable = 'fallback', bytes?: Buffer) {
  const root = await makeServices({ 'model.onnx': bytes ?? identityModel('float32') }, test)
  const { accelerator } = ServiceDefinition.parse({ accelerator: { executionProviders, onUnavailable } })
  return loadOnnxModel({ name: 'm', path: join(root, 'model.onnx'), sha256: undefined }, accelerator)
}

// In no build for Node.js of ONNX Runtime there is OpenVINO.
const withoutOpenvino = `model "m" cannot be loaded on openvino: ONNX Runtime for ${process.platform}-${process.arch} is built without OpenVINO; it has cpu`

describe('loadOnnxModel', () => {
  it('takes the next provider where one is missing, and says which and why', async test => {
    const session = await load(test, ['openvino', 'cpu'])
    assert.equal(session.notes.length, 1)
    assert.ok(session.notes[0]?.startsWith(withoutOpenvino), session.notes[0])
    assert.match(session.notes[0] ?? '', /; it is loaded on cpu instead$/)
    assert.equal(session.executionProvider, 'cpu')
    const answer = await session.run({ x: Tensor.from('float32', [[1, 2]]) })
    assert.deepEqual([...(answer.y?.data ?? [])], [1, 2])
    assert.equal(session.placement, undefined)
  })

  it('does not load the model on another provider when onUnavailable is fail', async test => {
    await assert.rejects(load(test, ['openvino', 'cpu'], 'fail'), (error: Error) => {
      assert.equal(error.name, 'ServiceLoadError')
      assert.ok(error.message.startsWith(withoutOpenvino), error.message)
      assert.ok(error.message.endsWith(' (accelerator.onUnavailable is "fail")'), error.message)
      return true
    })
  })

  it('does not take the CPU unless it is listed, and says why each provider is unavailable', async test => {
    await assert.rejects(load(test, ['openvino', 'xnnpack']), (error: Error) => {
      assert.ok(error.message.startsWith(withoutOpenvino), error.message)
      assert.match(error.message, /; model "m" cannot be loaded on xnnpack: .* built without XNNPACK; /)
      assert.ok(error.message.endsWith(' (accelerator.executionProviders does not end with "cpu")'), error.message)
      return true
    })
  })

  it('says in one sentence what CUDA and TensorRT miss', skipFor(cudaIsThere()), async test => {
    const { notes } = await load(test, ['tensorrt', { name: 'cuda', deviceId: 0 }, 'cpu'])
    const needs = (label: string, file: string) =>
      `${label} needs libonnxruntime_providers_shared.so and ${file}, which are not installed; the container image (infra/container) has them`
    assert.deepEqual(notes, [
      `model "m" cannot be loaded on tensorrt: ${needs('TensorRT', 'libonnxruntime_providers_tensorrt.so')}; it is loaded on cpu instead`,
      `model "m" cannot be loaded on cuda: ${needs('CUDA', 'libonnxruntime_providers_cuda.so')}; it is loaded on cpu instead`,
    ])
  })

  it('names the file when it is no model, for any list of providers', async test => {
    const torn = identityModel('float32').subarray(0, 50)
    await assert.rejects(
      load(test, ['openvino', 'cpu'], 'fallback', torn),
      /cannot be loaded: the 50 bytes of its file are no whole ONNX model, as the field at byte \d+ goes \d+ bytes past/,
    )
  })

  it('removes the profile', async test => {
    const folder = await makeServices({ 'profiles/readme.txt': '' }, test)
    const { TMPDIR } = process.env
    test.onTestFinished(() => {
      if (TMPDIR === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = TMPDIR
    })
    process.env.TMPDIR = join(folder, 'profiles')
    assert.equal(tmpdir(), process.env.TMPDIR)
    await assert.rejects(load(test, ['openvino'], 'fail'))
    assert.deepEqual(
      readdirSync(tmpdir()).filter(name => name.startsWith('scoring-placement-')),
      [],
    )
  })
})

function cudaIsThere(): string | false {
  const folder = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64'
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'ONNX Runtime has CUDA on linux-x64 only'
  return readdirSync(folder).some(name => name.includes('providers_')) && 'the libraries of CUDA are installed'
}
