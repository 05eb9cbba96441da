import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { loadOnnxModel } from '../../../src/adapters/onnxruntime/load-onnx-model.ts'
import type { ScoringError } from '../../../src/errors.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import { modelAnswer } from '../../../src/scripts/tensor-script.ts'
import { encode } from '../../../src/tensor/python-json.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { asFloat32, caseFeeds, namesOf, readCase } from '../../support/case-models.ts'
import { makeServices } from '../../support/service-folder.ts'

const { accelerator } = ServiceDefinition.parse({})
const open = (path: string, name = 'sut') => loadOnnxModel({ name, path, sha256: undefined }, accelerator)

describe('a model that a converter or a person wrote', () => {
  for (const folder of ['cases', 'served'] as const) {
    for (const name of namesOf(folder)) {
      it(`answers as Python's ONNX Runtime: ${name}`, async () => {
        const known = readCase(folder, name)
        const model = await open(known.path)
        const answer = encode(modelAnswer(model.outputs, await model.run(caseFeeds(known))))
        assert.deepEqual(asFloat32(JSON.parse(answer)), asFloat32(known.answer))
        await model.release()
      })
    }
  }
})

describe('a model whose graph was edited', () => {
  it('gives scripts tensors that know their classes', async () => {
    const known = readCase('served', 'sk_forest_texts')
    const model = await open(known.path)
    const classes = ['a "b"', 'setosa', 'virgínica'] // in NumPy's order
    assert.deepEqual(model.outputs, [
      { name: 'output_label', dtype: 'string', shape: [-1] },
      { name: 'output_probability', dtype: 'float32', shape: [-1, 3], classes },
    ])
    const { output_probability: probability } = await model.run(caseFeeds(known))
    assert.deepEqual([probability?.shape, probability?.classes], [[5, 3], classes])
  })

  it('gives scripts the entries of a list by their index', async () => {
    const known = readCase('served', 'sk_several_targets')
    const model = await open(known.path)
    assert.deepEqual(
      model.outputs.map(({ name, list }) => [name, list]),
      [
        ['label', undefined],
        ['probabilities[0]', 'probabilities'],
        ['probabilities[1]', 'probabilities'],
      ],
    )
    const answer = await model.run(caseFeeds(known))
    assert.deepEqual(
      [answer['probabilities[0]']?.shape, answer['probabilities[1]']?.shape],
      [
        [5, 2],
        [5, 4],
      ],
    )
  })

  it('takes a value in place of its own where one is given, in that run only', async () => {
    const { path } = readCase('cases', 'shape_default_given')
    const model = await open(path)
    assert.deepEqual(model.optionalInputs, [{ name: 'offset', dtype: 'float32', shape: [1] }])
    const x = Tensor.from('float32', [1, 2])
    const run = async (offset?: number) => {
      const feeds = offset === undefined ? { x } : { x, offset: Tensor.from('float32', [offset]) }
      const { y } = await model.run(feeds as Record<string, Tensor>)
      return [...((y as Tensor).data as Float32Array)]
    }
    assert.deepEqual(
      [await run(), await run(100), await run()],
      [
        [11, 12],
        [101, 102],
        [11, 12],
      ],
    )
    await assert.rejects(
      model.run({ x, offset: Tensor.from('float32', [1, 2]) }),
      /"offset" has shape \[2\]; expected \[1\]/,
    )
  })

  it('has the same digest as its file', async () => {
    const { path } = readCase('cases', 'sk_logistic_default')
    const sha256 = '0'.repeat(64)
    await assert.rejects(
      loadOnnxModel({ name: 'sut', path, sha256 }, accelerator),
      /the file's SHA-256 is [0-9a-f]{64}, service\.json says 0+$/,
    )
  })
})

describe('a model that cannot be served', () => {
  const refused = (name: string) => join(import.meta.dirname, `../../fixtures/refused/${name}.onnx`)
  const runtime = 'ONNX Runtime \\d+\\.\\d+\\.\\d+'
  const reasons: Record<string, string> = {
    bfloat16:
      'cannot be served: input "x" is bfloat16, which JavaScript cannot represent: export the model with float32',
    float8: 'cannot be served: input "x" is float8 \\(e4m3fn\\), which JavaScript cannot represent',
    int4: 'cannot be served: input "x" is int4, which JavaScript cannot represent',
    ir_version: `cannot be loaded: its IR version is 99, and ${runtime} reads up to \\d+: export it`,
    opset: `cannot be loaded: it uses version 99 of the operators of ai\\.onnx, and ${runtime} has up to \\d+: export it`,
    custom_operator:
      'cannot be loaded: its operator StringUpper \\(ai\\.onnx\\.contrib\\) is not part of ONNX Runtime .*, and custom operators cannot be loaded',
    operator_without_import: 'cannot be loaded: its operator Scale \\(my\\.operators\\) is not part of ONNX Runtime',
    unknown_operator: `cannot be loaded: ${runtime} has no operator Nonsense`,
    split_to_sequence:
      'cannot be served: output "all" is a sequence \\(each a tensor of float32\\), which SplitToSequence makes; .*export the model with a tensor there',
    sequence_input:
      'cannot be served: input "all" is a sequence .*only tensors can be sent: export the model with tensors as its inputs$',
    optional_output:
      'cannot be served: output "maybe" is optional .*only tensors can be returned: export the model with tensors as its outputs$',
  }
  for (const [name, reason] of Object.entries(reasons)) {
    it(`is refused in one sentence: ${name}`, async () => {
      await assert.rejects(open(refused(name)), (failure: Error) => {
        assert.equal(failure.name, 'ServiceLoadError')
        assert.match(failure.message, new RegExp(`^model "sut" ${reason}`))
        assert.doesNotMatch(failure.message, /whole ONNX|onnxruntime_src|\n/)
        return true
      })
    })
  }

  // ONNX Runtime: "Input features_per_batch[2] != number of classlabels[1]"
  it('fails in its run where there are other classes than probabilities, as in Python', async () => {
    const model = await open(refused('zipmap_of_too_few'))
    await assert.rejects(model.run({ x: Tensor.from('float32', [[1, 2]]) }), (failure: ScoringError) => {
      assert.deepEqual(
        [failure.code, (failure.cause as Error).message],
        ['MODEL_RUN_FAILED', 'a tensor of shape [1, 2] needs 2 classes, got 1'],
      )
      return true
    })
  })

  async function reasonFor(test: TestContext, content: string | Buffer): Promise<string> {
    const root = await makeServices({ 'model.onnx': content }, test)
    return open(join(root, 'model.onnx')).then(
      () => 'it was loaded',
      (failure: Error) => failure.message,
    )
  }

  const others: Record<string, [content: string | Buffer, reason: RegExp]> = {
    'an empty file': ['', /: its file is empty: copy it again$/],
    'a Git LFS pointer': [
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      /: its file is a Git LFS pointer, not the model itself: run "git lfs pull"/,
    ],
    'a page of a website': ['\uFEFF\n<!DOCTYPE html><title>Sign in</title>', /: its file is a web page, not a model/],
    'an error of a storage account': [
      '<?xml version="1.0"?><Error><Code>BlobNotFound</Code></Error>',
      /: its file is a web page, not a model/,
    ],
    'a PyTorch file': [Buffer.from('PK\x03\x04rest'), /: its file is a ZIP archive/],
    'a Python pickle': [Buffer.from('\x80\x04\x95rest', 'latin1'), /: its file is a Python pickle/],
    'half a model': [
      readFileSync(readCase('cases', 'sk_logistic_default').path).subarray(0, 300),
      /: the 300 bytes of its file are no whole ONNX model, as the field at byte \d+ goes \d+ bytes past .*: copy or export it again$/,
    ],
    'some text': ['hello, this is no model', /: the 23 bytes of its file are no whole ONNX model, as /],
  }
  for (const [what, [content, reason]] of Object.entries(others))
    it(`says what its file is: ${what}`, async test => assert.match(await reasonFor(test, content), reason))
})
