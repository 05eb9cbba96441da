import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { deflateSync, gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { Tensor } from '../../src/tensor/tensor.ts'
import { binaryInputs, bytesOf } from '../support/binary-inputs.ts'
import { encodeNpy } from '../support/npy-writer.ts'
import { identityModel, writeModel } from '../support/onnx-writer.ts'
import { greyPng, pngOf } from '../support/png-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

type Image = number[][]

const npy = { 'content-type': 'application/x-npy' }
const raw = { 'content-type': 'application/octet-stream' }
const cleanUps: (() => unknown)[] = []
const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

const failureOf = async (response: Response) => {
  const { code, message } = (await response.json()) as { code: string; message: string }
  return [response.status, code, message] as const
}
const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer as ArrayBuffer)

describe('POST /score: tensors that come as bytes', () => {
  let app: RunningApp
  beforeAll(async () => {
    app = await runApp(file, {
      'wide/1/model.onnx': identityModel('float64', ['batch', 2]),
      'wide/service.json': { limits: { maxRows: 5, maxBodyBytes: 10_000 } },
      'image/1/model.onnx': identityModel('float32', [1, 3, 2, 2]),
      'image/service.json': {},
      'open/1/model.onnx': identityModel('float32', ['rows', 'columns']),
      'open/service.json': {},
      'two/1/model.onnx': writeModel({
        nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] }],
        inputs: [
          ['a', 'float32', ['n']],
          ['b', 'float32', ['n']],
        ],
        outputs: [['sum', 'float32', ['n']]],
      }),
      'two/service.json': {},
      'script/service.json': { entryScript: 'score.ts' },
      'script/score.ts': `import { tensor, type Tensor } from 'scoring-functions'
        export const input = tensor([[0, 0]], 'int32')
        export const init = () => {}
        export const run = ({ data }: { data: Tensor }) => data`,
    })
    await app.settled()
  })

  it('are answered as the same numbers in JSON', async () => {
    const rows = [0.1, -2.5, 3, 4]
    const json = await (await app.score('wide', '{"data": [[0.1, -2.5], [3, 4]]}')).text()
    const saved = encodeNpy(new Tensor('float64', Float64Array.from(rows), [2, 2]))
    for (const [body, headers] of [
      [saved, npy],
      [saved, raw],
      [bytes(Float64Array.from(rows)), raw],
      [bytes(Float64Array.from(rows)), { ...raw, 'x-tensor-shape': '2,2', 'x-tensor-dtype': 'float64' }],
      [gzipSync(saved), { ...npy, 'content-encoding': 'gzip' }],
    ] as const) {
      const response = await app.score('wide', body as Uint8Array<ArrayBuffer>, headers)
      assert.deepEqual([response.status, await response.text()], [200, json], JSON.stringify(headers))
    }
    const fortran = binaryInputs.arrays.find(({ name }) => name.startsWith('big-endian float64'))
    assert.equal(await (await app.score('wide', bytesOf(fortran?.npy as string), npy)).text(), '[[1.5, -2.25]]')
  })

  it('take shape and type from headers or the query', async () => {
    const body = bytes(Float32Array.of(1, 2, 3, 4))
    const ask = async (query: string, headers = {}) => {
      const response = await fetch(`${app.url}/api/v1/service/open/score${query}`, {
        method: 'POST',
        body,
        headers: { ...raw, authorization: `Bearer ${await app.keyOf('open')}`, ...headers },
      })
      return response.text()
    }
    assert.equal(await ask('?shape=1,4'), '[[1.0, 2.0, 3.0, 4.0]]')
    assert.equal(await ask('?shape=4,1&dtype=float32'), '[[1.0], [2.0], [3.0], [4.0]]')
    assert.equal(await ask('?shape=4,1', { 'x-tensor-shape': '2,2' }), '[[1.0, 2.0], [3.0, 4.0]]')
    assert.match(await ask('?shape=2,4&dtype=uint8'), /INPUT_SHAPE_MISMATCH/)
    assert.match(await ask(''), /x-tensor-shape: 1,1/)
  })

  it('go to scripts that declare a tensor, in its type', async () => {
    const response = await app.score('script', bytes(Uint8Array.of(1, 2, 254, 255)), {
      ...raw,
      'x-tensor-dtype': 'uint8',
    })
    assert.equal(await response.text(), '[[1, 2], [254, 255]]')
  })

  const rows = new Uint8Array(6 * 16)
  const refusals: [string, string, Uint8Array<ArrayBuffer>, Record<string, string>, number, string][] = [
    ['too few bytes', 'wide', new Uint8Array(24), raw, 400, 'INPUT_SHAPE_MISMATCH'],
    ['too many rows', 'wide', rows, raw, 413, 'TOO_MANY_ROWS'],
    ['too large a body', 'wide', new Uint8Array(10_001), raw, 413, 'BODY_TOO_LARGE'],
    [
      'too large a body, unpacked',
      'wide',
      new Uint8Array(gzipSync(new Uint8Array(99_999))),
      { ...raw, 'content-encoding': 'gzip' },
      413,
      'BODY_TOO_LARGE',
    ],
    ['an empty body', 'wide', new Uint8Array(0), raw, 400, 'BODY_EMPTY'],
    ['raw bytes as .npy', 'wide', rows.subarray(0, 16), npy, 400, 'INPUT_NOT_NPY'],
    [
      'another dtype',
      'script',
      bytes(Float32Array.of(1, 2)),
      { ...raw, 'x-tensor-dtype': 'float32' },
      400,
      'INPUT_TYPE_MISMATCH',
    ],
    [
      'another shape',
      'image',
      bytes(new Float32Array(12)),
      { ...raw, 'x-tensor-shape': '1,2,2,3' },
      400,
      'INPUT_SHAPE_MISMATCH',
    ],
    ['no shape', 'image', bytes(new Float32Array(12)), { ...raw, 'x-tensor-shape': 'a' }, 400, 'INPUT_INVALID'],
  ]
  it.for(refusals)('are refused with a 4xx: $0', async ([, service, body, headers, status, code]) => {
    assert.deepEqual((await failureOf(await app.score(service, body, headers))).slice(0, 2), [status, code])
  })

  it('are refused with what would fit', async () => {
    const [, , message] = await failureOf(await app.score('image', bytes(new Float64Array(12)), raw))
    assert.equal(
      message,
      'input "x": 96 bytes are 24 float32 elements; shape [1, 3, 2, 2] needs 12, which are 48 bytes; ' +
        'they would fit as float64 (the model takes float32: convert before you send)',
    )
  })

  it('are not taken where there are several inputs, which the refusal tells', async () => {
    const expects = 'Expects Content-Type to be application/json'
    const body = new Uint8Array(8)
    assert.deepEqual(await failureOf(await app.score('two', body, raw)), [415, 'CONTENT_TYPE_UNSUPPORTED', expects])
    assert.deepEqual(await failureOf(await app.score('wide', body, { 'content-type': 'Text/CSV; header=present' })), [
      415,
      'CONTENT_TYPE_UNSUPPORTED',
      `${expects}; received "text/csv". Also accepted: application/x-npy, application/octet-stream`,
    ])
  })
})

describe('POST /score: the digits service', () => {
  let app: RunningApp
  let images: Image[]
  beforeAll(async () => {
    app = await runApp(file)
    await app.settled()
    const fixture = JSON.parse(await readFile('test/fixtures/expected-scores.json', 'utf8'))
    images = Object.values(fixture.services.digits.inputs)[0] as Image[]
  })

  const png = { 'content-type': 'image/png' }
  const jpeg = { 'content-type': 'image/jpeg' }
  /** A pixel of 16 is white. */
  const asBytes = (image: Image) => image.map(row => row.map(ink => Math.round((ink * 255) / 16)))
  const asJson = async (image: Image) => (await app.score('digits', JSON.stringify({ data: [image] }))).text()
  const digitOf = (answer: string) => {
    const [row] = JSON.parse(answer) as number[][]
    return row?.indexOf(Math.max(...row))
  }

  it('answers a PNG of a row as the row', async () => {
    for (const image of images) {
      const body = greyPng(asBytes(image))
      for (const headers of [png, raw, { 'content-type': 'IMAGE/PNG; q=1' }, jpeg, { 'content-type': 'image/*' }])
        assert.equal(await (await app.score('digits', body, headers)).text(), await asJson(image))
    }
  })

  it('finds the same digit in larger pictures, in colour, as JPEG', async () => {
    for (const image of images) {
      const pixels = Buffer.from(asBytes(image).flat())
      const large = sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } }).resize(320, 320, { kernel: 'nearest' })
      const digit = digitOf(await asJson(image))
      const pictures: [Buffer, Record<string, string>][] = [
        [await large.clone().jpeg({ quality: 90 }).toBuffer(), jpeg],
        [await large.clone().toColourspace('srgb').png().toBuffer(), png],
        [await large.clone().jpeg({ progressive: true }).withMetadata({ orientation: 1 }).toBuffer(), raw],
      ]
      for (const [body, headers] of pictures) {
        const answer = await app.score('digits', new Uint8Array(body), headers)
        assert.deepEqual([answer.status, digitOf(await answer.text())], [200, digit])
      }
    }
  })

  it('also takes its rows as .npy', async () => {
    const tensor = new Tensor('float32', Float32Array.from(images.flat(2)), [images.length, 8, 8])
    const expected = await (await app.score('digits', JSON.stringify({ data: images }))).text()
    assert.equal(await (await app.score('digits', new Uint8Array(encodeNpy(tensor)), npy)).text(), expected)
  })

  it('takes octets for elements when their layout is told, else for a picture', async () => {
    const octets = new Uint8Array(Float32Array.from(images.flat(2)).buffer)
    const expected = await (await app.score('digits', JSON.stringify({ data: images }))).text()
    const layout = { ...raw, 'x-tensor-shape': `${images.length},8,8` }
    assert.equal(await (await app.score('digits', octets, layout)).text(), expected)
    assert.deepEqual((await failureOf(await app.score('digits', octets, raw)))[1], 'IMAGE_NOT_DECODABLE')
  })

  it('describes its answers as ten numbers a row, with those to its sample', async () => {
    const url = `${app.url}/api/v1/service/digits/swagger.json?version=3.1`
    const { components } = (await (await fetch(url)).json()) as {
      components: { schemas: { ServiceOutput: { description: string; examples: unknown[] } } }
    }
    const { description, examples } = components.schemas.ServiceOutput
    assert.equal(description, 'float32, shape [batch, 10]; null: NaN or an infinity') // the graph's own name for the rows
    const answer = await app.score('digits', await readFile('models/digits/sample.json', 'utf8'))
    assert.deepEqual(examples, [await answer.json()])
  })

  it('gives a hundred callers at once, with rows and pictures, what each gets alone', async () => {
    const calls = Array.from({ length: 100 }, (_, index) => {
      const image = images[index % images.length] as Image
      const turned = image.map((row, at) => row.map((_, column) => image[column]?.[(at + index) % 8] ?? 0))
      return { image: turned, isPicture: index % 3 > 0 }
    })
    const alone: string[] = []
    for (const { image } of calls) alone.push(await asJson(image))
    const together = await Promise.all(
      calls.map(async ({ image, isPicture }) =>
        isPicture ? (await app.score('digits', greyPng(asBytes(image)), png)).text() : asJson(image),
      ),
    )
    assert.deepEqual(together, alone)
  })

  const whole = () => greyPng(asBytes(images[0] as Image))
  const noPictures: [string, () => Uint8Array<ArrayBuffer>, Record<string, string>, number, string][] = [
    ['a picture that breaks off', () => whole().subarray(0, 60), png, 400, 'IMAGE_NOT_DECODABLE'],
    [
      '30,000 by 30,000 pixels',
      () => pngOf(30_000, 30_000, deflateSync(Buffer.alloc(100_000))),
      png,
      413,
      'IMAGE_TOO_LARGE',
    ],
    [
      'SVG',
      () => new Uint8Array(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
      png,
      400,
      'IMAGE_NOT_DECODABLE',
    ],
    ['an empty body', () => new Uint8Array(0), png, 400, 'BODY_EMPTY'],
    [
      'WebP',
      () => new Uint8Array(Buffer.from('RIFF....WEBPVP8 ')),
      { 'content-type': 'image/webp' },
      400,
      'IMAGE_NOT_DECODABLE',
    ],
    ['a table', whole, { 'content-type': 'text/csv' }, 415, 'CONTENT_TYPE_UNSUPPORTED'],
    ['a picture called JSON', whole, { 'content-type': 'application/json' }, 400, 'BODY_NOT_UTF8'],
  ]
  it.for(noPictures)('refuses $0', async ([, body, headers, status, code]) => {
    assert.deepEqual((await failureOf(await app.score('digits', body(), headers))).slice(0, 2), [status, code])
  })

  it('says which types it takes, and goes on', async () => {
    const [, , message] = await failureOf(await app.score('digits', whole(), { 'content-type': 'text/csv' }))
    assert.match(
      message,
      /^Expects Content-Type to be application\/json; received "text\/csv"\. Also accepted: image\/png, /,
    )
    assert.equal(await (await app.score('digits', greyPng([[255]]), png)).status, 200)
  })
})
