import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'vitest'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import type { TensorCall } from '../../../src/scheduling/inference-request.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { identityModel, writeModel } from '../../support/onnx-writer.ts'
import { greyPng } from '../../support/png-writer.ts'
import {
  filesTensor,
  type PredictFields,
  type Prediction,
  readPrediction,
  writePredict,
} from '../../support/predict-messages.ts'
import { serve } from '../../support/scoring-scheduler.ts'
import type { ServiceFiles } from '../../support/service-folder.ts'

const routed: TensorCall = { model: 'sut', version: '1', isRouted: true }
const unnamed: TensorCall = { model: 'sut', version: '1' }

/** A service on a real thread, and how it answers messages. */
async function serveMessages(test: TestContext, files: ServiceFiles) {
  const { scheduler, report } = await serve(test, files)
  const send = (message: MessageWriter, tensorCall: TensorCall) =>
    scheduler.submit({
      codec: 'tensorflow-serving',
      body: message.finish(),
      contentType: undefined,
      details: { tensorCall },
    })
  const predict = async (fields: PredictFields, call = routed): Promise<Prediction> => {
    const result = await send(writePredict(fields), call)
    assert.ok(result.kind === 'bytes', JSON.stringify(result))
    assert.equal(result.body[0], 0)
    assert.equal(Buffer.from(result.body).readUInt32BE(1), result.body.length - 5)
    return readPrediction(result.body)
  }
  const refuse = async (fields: PredictFields | MessageWriter, call = routed): Promise<readonly [string, string]> => {
    const result = await send(fields instanceof MessageWriter ? fields : writePredict(fields), call)
    assert.ok(result.kind === 'failure', JSON.stringify(result))
    return [result.code, result.message]
  }
  return { predict, refuse, report }
}

const one = (definition: object = {}): ServiceFiles => ({
  'sut/service.json': definition,
  'sut/1/model.onnx': identityModel('float32', ['batch', 2]),
})
const addition = (definition: object = {}): ServiceFiles => ({
  'sut/service.json': definition,
  'sut/1/model.onnx': writeModel({
    nodes: [
      { op: 'Add', inputs: ['a', 'b:0'], outputs: ['sum:0'] },
      { op: 'Sub', inputs: ['a', 'b:0'], outputs: ['difference'] },
    ],
    inputs: [
      ['a', 'float32', ['n', 2]],
      ['b:0', 'float32', ['n', 2]],
    ],
    outputs: [
      ['sum:0', 'float32', ['n', 2]],
      ['difference', 'float32', ['n', 2]],
    ],
  }),
})
const rows = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length / 2, 2])
const lists = (prediction: Prediction) =>
  Object.fromEntries(Object.entries(prediction.outputs).map(([name, tensor]) => [name, tensor.toList()]))

describe('tensorflowServingCodec', () => {
  it('answers a caller who names the service with its outputs, one that does not also with output_alias', async test => {
    const { predict } = await serveMessages(test, one())
    const inputs = { x: rows(1, 2, 3, 4) }
    const named = await predict({ inputs })
    assert.deepEqual(lists(named), {
      y: [
        [1, 2],
        [3, 4],
      ],
    })
    assert.deepEqual(named.spec, { name: 'sut', version: 1n, signature: 'serving_default' })
    const first = await predict({ inputs, model: {} }, unnamed)
    assert.deepEqual(lists(first), {
      y: [
        [1, 2],
        [3, 4],
      ],
      output_alias: [
        [1, 2],
        [3, 4],
      ],
    })
    assert.deepEqual(first.spec, { name: 'sut', version: 1n, signature: 'serving_default' })
  })

  it('writes the bytes that TensorFlow Serving’s package writes', async test => {
    const { prediction } = JSON.parse(await readFile('test/fixtures/tensorflow-serving/messages.json', 'utf8'))
    const { scheduler } = await serve(test, {
      'sut/service.json': {},
      'sut/1/model.onnx': writeModel({
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['probabilities'] }],
        inputs: [['x', 'float32', ['n', 2]]],
        outputs: [['probabilities', 'float32', ['n', 2]]],
      }),
    })
    const body = writePredict({ inputs: { x: rows(0.25, 0.75) } }).finish()
    const details = { tensorCall: { model: 'digits', version: '3', isRouted: true } }
    const result = await scheduler.submit({ codec: 'tensorflow-serving', body, contentType: undefined, details })
    assert.equal(result.kind === 'bytes' && Buffer.from(result.body.subarray(5)).toString('base64'), prediction)
  })

  it('gives the outputs that output_filter asks for, and the first of several as output_alias', async test => {
    const { predict, refuse } = await serveMessages(test, addition())
    const inputs = { a: rows(5, 7), b: rows(1, 2) }
    const sum = [[6, 9]]
    const difference = [[4, 5]]
    assert.deepEqual(lists(await predict({ inputs })), { 'sum:0': sum, difference })
    assert.deepEqual(lists(await predict({ inputs }, unnamed)), { 'sum:0': sum, difference, output_alias: sum })
    assert.deepEqual(lists(await predict({ inputs, filter: ['difference'] })), { difference })
    assert.deepEqual(lists(await predict({ inputs, filter: ['sum', 'difference:0', 'sum'] })), {
      sum,
      'difference:0': difference,
    })
    assert.deepEqual(lists(await predict({ inputs, filter: ['output_alias'] }, unnamed)), { output_alias: sum })
    assert.deepEqual(await refuse({ inputs, filter: ['output_alias'] }), [
      'INPUT_UNKNOWN',
      'output_filter asks for "output_alias"; the outputs are "sum:0", "difference"',
    ])
  })

  it('calls outputs as service.json says', async test => {
    const outputs = { 'sum:0': 'classifier/Softmax:0' }
    const { predict } = await serveMessages(test, addition({ tensorflowServing: { outputs } }))
    const inputs = { a: rows(5, 7), b: rows(1, 2) }
    assert.deepEqual(Object.keys((await predict({ inputs })).outputs), ['classifier/Softmax:0', 'difference'])
    const filter = ['classifier/Softmax', 'sum:0']
    assert.deepEqual(lists(await predict({ inputs, filter })), { 'classifier/Softmax': [[6, 9]], 'sum:0': [[6, 9]] })
  })

  it('finds inputs with and without ":0", and a single one under any name', async test => {
    const several = await serveMessages(test, addition())
    const sum = async (a: string, b: string) =>
      lists(await several.predict({ inputs: { [a]: rows(1, 1), [b]: rows(2, 2) } }))['sum:0']
    assert.deepEqual(await sum('a:0', 'b'), [[3, 3]])
    assert.deepEqual(await sum('a', 'b:0'), [[3, 3]])
    assert.deepEqual(await several.refuse({ inputs: { a: rows(1, 1), images: rows(1, 1) } }), [
      'INPUT_MISSING',
      'input "b:0" is missing, "images" came; the model takes "a", "b:0"',
    ])
    assert.deepEqual(await several.refuse({ inputs: { a: rows(1, 1), 'a:0': rows(1, 1) } }), [
      'INPUT_INVALID',
      'two of the inputs mean "a"; send it once',
    ])
    const single = await serveMessages(test, one())
    for (const name of ['images', 'Placeholder:0', '', 'data'])
      assert.deepEqual(lists(await single.predict({ inputs: { [name]: rows(1, 2) } })), { y: [[1, 2]] })
    assert.equal((await single.refuse({ inputs: { x: rows(1, 2), images: rows(1, 2) } }))[0], 'INPUT_UNKNOWN')
    assert.equal((await single.refuse({}))[0], 'INPUT_MISSING')
  })

  it('says which input does not fit', async test => {
    const { refuse } = await serveMessages(test, one())
    const sent = (tensor: Tensor) => refuse({ inputs: { images: tensor } })
    assert.deepEqual(await sent(new Tensor('float32', new Float32Array(3), [1, 3])), [
      'INPUT_SHAPE_MISMATCH',
      'input "x" has shape [1, 3]; expected [batch, 2] (batch: any size)',
    ])
    assert.equal((await sent(new Tensor('float64', new Float64Array(2), [1, 2])))[0], 'INPUT_TYPE_MISMATCH')
    assert.equal((await sent(new Tensor('string', ['a', 'b'], [1, 2])))[0], 'INPUT_TYPE_MISMATCH')
    assert.equal((await sent(new Tensor('float32', new Float32Array(), [0, 2])))[0], 'INPUT_SHAPE_MISMATCH')
    assert.deepEqual(await refuse(new MessageWriter().bytes(2, Uint8Array.of(0x12, 9))), [
      'INPUT_INVALID',
      'The message is not a valid PredictRequest.InputsEntry: it is cut off: a field goes beyond its end.',
    ])
  })

  it('refuses a message that means another model, version or signature than the one that was called', async test => {
    const { predict, refuse } = await serveMessages(test, one())
    const inputs = { x: rows(1, 2) }
    assert.match((await refuse({ inputs, model: { name: 'other' } }, unnamed))[1], /model_spec.name is "other"/)
    assert.match(
      (await refuse({ inputs, model: { version: 2 } }))[1],
      /'sut' version 2 is not found; version 1 is served/,
    )
    assert.match((await refuse({ inputs, model: { label: 'stable' } }))[1], /version_label is "stable"/)
    assert.match(
      (await refuse({ inputs, model: { signature: 'predict_images' } }))[1],
      /signature_name is "predict_images"/,
    )
    await predict({ inputs, model: { name: 'other', version: 1, signature: 'serving_default' } }) // its route says which
    await predict({ inputs, model: { name: 'my_model' } }, { model: 'my_model', version: '1' })
  })

  it('decodes each value of a DT_STRING tensor as a file of its own, and joins the rows', async test => {
    const { expected } = await digits()
    const { predict, refuse } = await serveMessages(test, await copyOf('digits'))
    const files = expected.slice(0, 3).map(({ image }) => imageFile(image))
    const found = (await predict({ inputs: { images: filesTensor(files) } }, unnamed)).outputs
    assert.deepEqual(Object.keys(found), ['probabilities', 'output_alias'])
    assert.deepEqual(found.output_alias?.shape, [3, 10])
    const scores = found.output_alias?.toList() as number[][]
    for (const [index, row] of scores.entries())
      for (const [digit, score] of row.entries())
        assert.ok(Math.abs(score - (expected[index]?.scores[digit] as number)) < 1e-6)

    const refused = async (sent: MessageWriter) => (await refuse({ inputs: { images: sent } })).join(': ')
    const broken = Buffer.from(files[0] as Uint8Array).fill(0, 40)
    assert.match(
      await refused(filesTensor([files[0] as Uint8Array, broken])),
      /^IMAGE_NOT_DECODABLE: file 1 of 2 in input "images": /,
    )
    assert.match(
      await refused(filesTensor(files, [3, 1])),
      /^INPUT_SHAPE_MISMATCH: input "images" has shape \[3, 1\]; expected \[3\]/,
    )
    assert.match(
      await refused(filesTensor(files.slice(0, 1), [2])),
      /^INPUT_SHAPE_MISMATCH: .* shape \[2\]; expected \[1\]/,
    )
    assert.match(await refused(filesTensor([])), /^INPUT_SHAPE_MISMATCH: input "images" has no rows/)
    assert.match(await refused(filesTensor([new Uint8Array()])), /^IMAGE_NOT_DECODABLE/)
    const many = new Array<Uint8Array>(1001).fill(new Uint8Array())
    assert.match(await refused(filesTensor(many)), /^TOO_MANY_ROWS: .* 1001 files, a request may have 1000/)
  })

  it('says what a script takes when a file is of another type', async test => {
    const script = (accepts: string[]) => `import { tensor, Tensor } from 'scoring-functions'
      export const input = tensor([[0]], 'float32')
      export const accepts = ${JSON.stringify(accepts)}
      export const decode = ({ bytes, contentType }) =>
        new Tensor('float32', Float32Array.of(bytes.length, bytes.buffer.byteLength, contentType.length), [3, 1])
      export const init = () => {}
      export const run = ({ data }) => data`
    const service = (accepts: string[]) => ({
      'sut/service.json': { entryScript: 'score.ts' },
      'sut/score.ts': script(accepts),
    })
    const png = imageFile([[0]])
    const text = new TextEncoder().encode('no picture')
    const wav = await serveMessages(test, service(['audio/wav', 'image/gif']))
    assert.deepEqual(await wav.refuse({ inputs: { data: filesTensor([png]) } }), [
      'CONTENT_TYPE_UNSUPPORTED',
      'the file begins like image/png; the service takes audio/wav, image/gif',
    ])
    assert.match((await wav.refuse({ inputs: { data: filesTensor([text]) } }))[1], /begins like no known image/)
    const only = await serveMessages(test, service(['application/pdf']))
    const answer = await only.predict({ inputs: { data: filesTensor([text]) } })
    assert.deepEqual(lists(answer), { output: [[10], [10], ['application/pdf'.length]] })
  })

  it('shares runs with JSON, and gives each caller the rows of its own', async test => {
    const { scheduler, report } = await serve(test, one({ batching: { maxDelayMs: 20 } }))
    assert.equal(report.isBatchable, true)
    const sent = Array.from({ length: 40 }, async (_, index) => {
      if (index % 2 === 0) {
        const body = new TextEncoder().encode(JSON.stringify({ data: [[index, index + 0.5]] }))
        const result = await scheduler.submit({ codec: 'azureml', body, contentType: 'application/json' })
        return result.kind === 'encoded' && JSON.parse(result.body)
      }
      const body = writePredict({ inputs: { images: rows(index, index + 0.5) } }).finish()
      const details = { tensorCall: routed }
      const result = await scheduler.submit({ codec: 'tensorflow-serving', body, contentType: undefined, details })
      return result.kind === 'bytes' && lists(readPrediction(result.body)).y
    })
    for (const [index, answer] of (await Promise.all(sent)).entries()) assert.deepEqual(answer, [[index, index + 0.5]])
  })

  it('takes text for a model of strings', async test => {
    const files = { 'sut/service.json': {}, 'sut/1/model.onnx': identityModel('string', ['n']) }
    const { predict, refuse } = await serveMessages(test, files)
    const texts = new Tensor('string', ['drei', 'äöü 𝄞', ''], [3])
    assert.deepEqual(lists(await predict({ inputs: { x: texts } })), { y: ['drei', 'äöü 𝄞', ''] })
    assert.match((await refuse({ inputs: { x: new Tensor('string', ['a\0b'], [1]) } }))[1], /"x": text 0 has a NUL/)
    assert.match((await refuse({ inputs: { x: filesTensor([Uint8Array.of(0xc3)]) } }))[1], /value 0 is not UTF-8/)
  })

  it('answers what a script returns as tensors, and refuses tensors for a script that reads bodies', async test => {
    const script = (text: string) => ({ 'sut/service.json': { entryScript: 'score.ts' }, 'sut/score.ts': text })
    const typed = await serveMessages(
      test,
      script(`import { tensor } from 'scoring-functions'
        export const input = tensor([[0, 0]], 'float32')
        export const init = () => {}
        export const run = ({ data }) => ({ label: data.toList().map(() => 'yes'), score: data.toList().map(([a, b]) => a + b) })`),
    )
    assert.deepEqual(lists(await typed.predict({ inputs: { images: rows(1, 2, 3, 4) } })), {
      label: ['yes', 'yes'],
      score: [3, 7],
    })
    const raw = await serveMessages(test, script('export const init = () => {}; export const run = text => text'))
    assert.equal((await raw.refuse({ inputs: { images: rows(1, 2) } }))[0], 'TENSORS_NOT_TAKEN')
  })
})

describe('tensorflowServing in service.json', () => {
  it('names outputs that the model has, once each', async test => {
    const failing = async (outputs: object) => {
      let message = ''
      await serve(test, addition({ tensorflowServing: { outputs } })).catch((failure: Error) => {
        message = failure.message
      })
      return message
    }
    assert.match(await failing({ product: 'p' }), /there is no output "product"; the model has "sum:0", "difference"/)
    assert.match(
      await failing({ 'sum:0': 'difference' }),
      /"sum:0" cannot be called "difference", as another output is/,
    )
    assert.match(await failing({ 'sum:0': 'same', difference: 'same' }), /must not give two outputs one name/)
    assert.equal(await failing({ 'sum:0': 'difference', difference: 'sum:0' }), '')
  })
})

interface Digit {
  readonly image: number[][]
  readonly scores: readonly number[]
}

/** Images and the scores of Python's onnxruntime. */
async function digits(): Promise<{ expected: Digit[] }> {
  const { services } = JSON.parse(await readFile('test/fixtures/expected-scores.json', 'utf8'))
  const { inputs, outputs } = services.digits
  const [images] = Object.values(inputs) as number[][][][]
  const [scores] = Object.values(outputs) as number[][][]
  return { expected: (images ?? []).map((image, index) => ({ image, scores: scores?.[index] ?? [] })) }
}

/** Ink from 0 to 16 as grey from 0 to 255. */
function imageFile(image: readonly (readonly number[])[]): Uint8Array {
  return greyPng(image.map(row => row.map(ink => Math.round((ink / 16) * 255))))
}

async function copyOf(sample: string): Promise<ServiceFiles> {
  const names = ['service.json', 'decode.ts', 'sample.json', '1/model.onnx']
  const files = await Promise.all(
    names.map(async name => [`sut/${name}`, await readFile(`models/${sample}/${name}`)] as const),
  )
  return Object.fromEntries(files)
}
