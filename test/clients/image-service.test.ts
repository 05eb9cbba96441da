/** The commands and programs of examples/resnet50/README.md and guide/fpga.md, run as printed with a network of full size. */
import '../../src/adapters/onnxruntime/telemetry-off.ts'

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as ort from 'onnxruntime-node'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { writeModelFile } from '../../bench/models/onnx-file.ts'
import { resnet50 } from '../../bench/models/resnet50.ts'
import { noOpenssl } from '../host/certificates.ts'
import { olderPythonWith, pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'
import { run, works } from './tools.ts'

const example = 'examples/resnet50'
const readme = await readFile(`${example}/README.md`, 'utf8')
const guide = await readFile('guide/fpga.md', 'utf8')
const blocksIn = (page: string, language: string) =>
  [...page.matchAll(/^```(\w*)\n(.*?)^```/gms)].flatMap(([, name, block = '']) => (name === language ? [block] : []))
const [start = '', showKey = '', curl = ''] = blocksIn(readme, 'sh')
const [triton = '', accel = ''] = blocksIn(readme, 'python')

const side = 224
const pixels = Buffer.from(
  Array.from({ length: side * side * 3 }, (_, index) => {
    const [x, y] = [Math.floor(index / 3) % side, Math.floor(index / 3 / side)]
    return (x * 3 + y * (index % 3)) % 256
  }),
)

/** The genuine client, without the rest of its package, which manages services in Azure and needs all of azureml-core. */
const withoutAzureCore = `
import os, sys, types
for name in ("azureml.core", "azureml.core.webservice", "azureml.core.webservice.aks"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["azureml.core.webservice.aks"].AksWebservice = object
import azureml
package = types.ModuleType("azureml.accel")
package.__path__ = [os.path.join(os.path.dirname(azureml.__file__), "accel")]
sys.modules["azureml.accel"] = package
from azureml.accel import _client
package.PredictionClient = _client.PredictionClient
`

describe('examples/resnet50/README.md and guide/fpga.md', () => {
  const cleanUps: (() => unknown)[] = []
  const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  let folder: string
  let app: RunningApp
  let key: string
  /** What the network gives for the picture, in one file, with the softmax computed here. */
  let expected: number[]
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'image-service-'))
    file.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    // Both sides go by the first bytes of a file, and the pixels of a PNG are the same in each decoder.
    await writeFile(
      join(folder, 'photo.jpg'),
      await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
        .png()
        .toBuffer(),
    )
    const [make = '', serve] = start.split('\n')
    assert.equal(serve, 'SCORING_MODELS=examples npm start')
    const models = join(folder, 'examples')
    for (const part of ['service.json', 'decode.ts']) await cp(join(example, part), join(models, 'resnet50', part))
    const made = await run('sh', '-c', `${make} --out ${join(models, 'resnet50')}`)
    assert.equal(made.code, 0, made.stderr)
    app = await runApp(file, undefined, { SCORING_MODELS: models })
    expected = await scoreWhole(join(folder, 'whole.onnx'))
    await app.settled()
    const command = showKey
      .replace('SCORING_MODELS=examples', `SCORING_MODELS=${models}`)
      .replace('npx scoring', `${process.execPath} dist/scoring.mjs`)
    const shown = await run('env', '-C', dirname(dirname(app.keyFile)), 'sh', '-c', `${command}echo $KEY`)
    key = shown.stdout.trim()
    assert.equal(key, await app.keyOf('resnet50'), shown.stderr)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  async function scoreWhole(path: string): Promise<number[]> {
    await writeModelFile(path, resnet50())
    const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1 })
    const area = side * side
    const image = Float32Array.from(
      { length: 3 * area },
      (_, at) => (pixels[(at % area) * 3 + Math.floor(at / area)]! - 127.5) / 127.5,
    )
    const { scores } = await session.run({ image: new ort.Tensor('float32', image, [1, 3, side, side]) })
    const powers = Array.from(scores?.data as Float32Array, Math.exp)
    const sum = powers.reduce((total, power) => total + power, 0)
    return powers.map(power => power / sum)
  }
  const best = () =>
    expected.map((probability, number) => ({ probability, number })).sort((a, b) => b.probability - a.probability)
  const assertNear = (actual: number, reference: number) =>
    assert.ok(Math.abs(actual - reference) < 1e-5, `${actual}, not ${reference}`)
  const inFolder = async (program: string, ...args: string[]) => {
    const { code, stdout, stderr } = await run('env', '-C', folder, `KEY=${key}`, program, ...args)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const runPython = async (python: string, snippet: string) => {
    const { port } = new URL(app.url)
    await writeFile(join(folder, 'program.py'), snippet.replace('7071', port))
    return inFolder(python, join(folder, 'program.py'))
  }

  it('scores an image that curl sends', async test => {
    if (!(await works('curl', '--version'))) return test.skip('curl is not installed')
    const [row] = JSON.parse(await inFolder('sh', '-c', curl.replace('http://localhost:7071', app.url))) as [
      Record<string, number>,
    ]
    assert.equal(Object.keys(row).length, 1000)
    for (const [number, probability] of expected.entries()) assertNear(row[`class ${number}`] as number, probability)
  })

  for (const protocol of ['grpc', 'http']) {
    it(`names the best classes to tritonclient.${protocol}`, async test => {
      const found = await pythonWith('test/clients/python/triton-requirements.txt')
      if ('missing' in found) return test.skip(found.missing)
      const printed = await runPython(found.python, triton.replace('tritonclient.grpc', `tritonclient.${protocol}`))
      const lines = printed.trim().split('\n')
      assert.equal(lines.length, 3)
      for (const [place, line] of lines.entries()) {
        const { probability, number } = best()[place] as { probability: number; number: number }
        const [shown, ...names] = line.split(':')
        assert.deepEqual(names, [String(number), `class ${number}`])
        assertNear(Number(shown), probability)
      }
    })
  }

  it('scores a file that azureml.accel.PredictionClient sends', async test => {
    assert.equal(blocksIn(guide, 'python')[0], accel) // the page shows the same program
    const found = await olderPythonWith('3.7', 'test/clients/python/fpga-requirements.txt', '--no-deps')
    if ('missing' in found) return test.skip(found.missing)
    const [number, probability] = (await runPython(found.python, withoutAzureCore + accel)).trim().split(' ')
    assert.equal(Number(number), best()[0]?.number)
    assertNear(Number(probability), best()[0]?.probability as number)
  })

  it('has a definition and a certificate as the guide shows them', skipFor(noOpenssl), async () => {
    const [definition = ''] = blocksIn(guide, 'json')
    assert.partialDeepStrictEqual(JSON.parse(await readFile(`${example}/service.json`, 'utf8')), JSON.parse(definition))
    const [first, ...others] = blocksIn(guide, 'sh')
    const certificate = others.find(block => block.startsWith('openssl req')) ?? ''
    assert.equal(first, start)
    await inFolder('sh', '-c', certificate.split('\n')[0] as string)
    assert.ok(existsSync(join(folder, 'cert.pem')) && existsSync(join(folder, 'key.pem')))
  })
})
