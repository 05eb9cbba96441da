/** The sample examples/resnet50, with a narrower network: the featurizer on an accelerator, the classifier on the CPU. */
import '../../src/adapters/onnxruntime/telemetry-off.ts'

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as ort from 'onnxruntime-node'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { encodeModel } from '../../bench/models/onnx-file.ts'
import { resnet50 } from '../../bench/models/resnet50.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'
import { swiftShader, withoutSwiftShader } from '../support/swiftshader.ts'

const folder = 'examples/resnet50'
/** For the layers of ResNet-50 a GPU in software compiles shaders for ten seconds. */
const size = { width: 8, side: 32, blocks: [1] }
const { side } = size
type Scores = Record<string, number>

/** Red, green, blue of each pixel, row by row. */
const picture = (colour: (x: number, y: number, channel: number) => number) =>
  Buffer.from(
    Array.from({ length: side * side * 3 }, (_, index) => {
      const pixel = Math.floor(index / 3)
      return colour(pixel % side, Math.floor(pixel / side), index % 3)
    }),
  )
const stripes = picture((x, y, channel) => (x * 3 + y * channel) % 256)
const squares = picture((x, y, channel) => (channel === 1 ? 255 : (((x >> 5) + (y >> 5)) % 2) * 200))
const ofPixels = (pixels: Buffer) => sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
const png = async (pixels: Buffer) => new Uint8Array(await ofPixels(pixels).png().toBuffer())

/** Channels first, from -1 to 1. */
function tensorOf(pixels: Buffer): Float32Array<ArrayBuffer> {
  const area = side * side
  return Float32Array.from(
    { length: 3 * area },
    (_, index) => ((pixels[(index % area) * 3 + Math.floor(index / area)] as number) - 127.5) / 127.5,
  )
}

describe('the sample resnet50', () => {
  const cleanUps: (() => unknown)[] = []
  const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  const make = async (...options: string[]) =>
    promisify(execFile)(process.execPath, [
      `${folder}/make-models.ts`,
      ...Object.entries(size).flatMap(([option, value]) => [`--${option}`, String(value)]),
      ...options,
    ])
  let out: string
  let app: RunningApp
  let whole: ort.InferenceSession
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'resnet50-'))
    file.onTestFinished(() => rm(out, { recursive: true, force: true, maxRetries: 9 }))
    const labels = join(out, 'labels.txt')
    await writeFile(labels, Array.from({ length: 1000 }, (_, index) => `kind ${index}`).join('\n'))
    await make('--out', out, '--labels', labels)
    const files = {
      'resnet50/service.json': {
        ...JSON.parse(await readFile(`${folder}/service.json`, 'utf8')),
        batching: { maxRows: 1 }, // other numbers of rows are other shaders
      },
      'resnet50/decode.ts': (await readFile(`${folder}/decode.ts`, 'utf8')).replace('size = 224', `size = ${side}`),
      'resnet50/1/featurize.onnx': await readFile(join(out, '1/featurize.onnx')),
      'resnet50/1/classify.onnx': await readFile(join(out, '1/classify.onnx')),
    }
    app = await runApp(file, files, { ...swiftShader, SCORING_MAX_THREADS: '1' })
    await app.settled()
    whole = await ort.InferenceSession.create(Buffer.concat(encodeModel(resnet50(size))))
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  /** What the same network in one file gives on the CPU, with the softmax computed here. */
  async function expected(pixels: Buffer): Promise<number[]> {
    const { scores } = await whole.run({ image: new ort.Tensor('float32', tensorOf(pixels), [1, 3, side, side]) })
    const powers = Array.from(scores?.data as Float32Array, Math.exp)
    const sum = powers.reduce((total, power) => total + power, 0)
    return powers.map(power => power / sum)
  }
  async function score(body: Uint8Array<ArrayBuffer>, headers: Record<string, string>): Promise<Scores[]> {
    const response = await app.score('resnet50', body, headers)
    assert.equal(response.status, 200, await response.clone().text())
    return (await response.json()) as Scores[]
  }
  async function assertScores(rows: Scores[], ...pictures: Buffer[]): Promise<void> {
    assert.equal(rows.length, pictures.length)
    for (const [row, pixels] of pictures.entries()) {
      const probabilities = await expected(pixels)
      assert.ok(Math.max(...probabilities) > 0.005) // a thousandth each would say nothing
      for (const [index, probability] of probabilities.entries()) {
        const actual = rows[row]?.[`kind ${index}`] as number
        assert.ok(Math.abs(actual - probability) <= 1e-5, `kind ${index}: ${actual} is not ${probability}`)
      }
    }
  }

  it('scores a PNG and a JPEG as ONNX Runtime scores their pixels on a CPU, by label', async () => {
    await assertScores(await score(await png(stripes), { 'content-type': 'image/png' }), stripes)
    const jpeg = new Uint8Array(await ofPixels(squares).jpeg().toBuffer())
    const decoded = await sharp(jpeg).raw().toBuffer()
    await assertScores(await score(jpeg, { 'content-type': 'image/jpeg' }), decoded)
  })

  it('scores tensors of several images, and takes the middle of wide ones', async () => {
    const both = Buffer.concat([stripes, squares].map(pixels => Buffer.from(tensorOf(pixels).buffer)))
    const raw = { 'content-type': 'application/octet-stream', 'x-tensor-shape': `2,3,${side},${side}` }
    await assertScores(await score(new Uint8Array(both), raw), stripes, squares)
    const wide = await ofPixels(stripes).extend({ left: 5, right: 5 }).png().toBuffer()
    await assertScores(await score(new Uint8Array(wide), { 'content-type': 'image/png' }), stripes)
  })

  it('gives each of many callers the scores of its own image', async () => {
    const images = await Promise.all([stripes, squares].map(png))
    const calls = Array.from({ length: 6 }, async (_, index) => {
      const rows = await score(images[index % 2] as Uint8Array<ArrayBuffer>, { 'content-type': 'image/png' })
      await assertScores(rows, index % 2 === 0 ? stripes : squares)
    })
    await Promise.all(calls)
    assert.match(app.output(), /^\[resnet50\] ready .* stages decode > featurize > classify/m)
  })

  it('runs the featurizer on the accelerator and the classifier on the CPU', skipFor(withoutSwiftShader), async () => {
    const { resnet50: details } = (await app.settled()) as Record<string, unknown> as {
      resnet50: { placement: { model: string; nodes: Record<string, number> }[] }
    }
    const placed = details.placement.map(({ model, nodes }) => [model, Object.keys(nodes)])
    assert.deepEqual(placed, [['featurize', ['webgpu']]])
    const response = await app.score('resnet50', await png(stripes), { 'content-type': 'image/png' })
    assert.equal(response.headers.get('x-scoring-execution-provider'), 'webgpu, cpu')
  })

  it('is not made with labels that are no names of 1000 classes', async () => {
    const few = join(out, 'few.txt')
    await writeFile(few, 'tench\ngoldfish\n')
    await assert.rejects(make('--out', out, '--labels', few), /few\.txt has 2 lines, 2 different; needed are 1000/)
  })
})
