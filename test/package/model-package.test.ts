import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DockerfileParser } from 'dockerfile-ast'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { InferenceConfig, Model, Workspace } from '../../src/client/index.ts'
import { findNoPython } from '../support/python.ts'
import { copyOfApp, runProject } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'

const cleanUps: (() => unknown)[] = []
const cleaner = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) } as never

/** The two rows and scores that Azure Machine Learning's example publishes. */
const diabetes = await readFile('models/diabetes/sample.json', 'utf8')
const diabetesScores = [217.67978776218715, 224.78937091757172]

describe('Model.package', skipFor(await findNoPython()), () => {
  let root: string
  let workspace: Workspace
  let model: Model
  beforeAll(async () => {
    root = await copyOfApp(cleaner)
    await cp('LICENSE', join(root, 'LICENSE'))
    await cp('models/iris', join(root, 'models/iris'), { recursive: true })
    workspace = await Workspace.fromFolder(root)
    model = await Model.register(workspace, { modelPath: 'models/diabetes/1/model.onnx', modelName: 'ridge' })
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('makes an app that serves the models, and nothing else of the workspace', async test => {
    const config = new InferenceConfig({ sample: JSON.parse(diabetes) })
    const made = Model.package(workspace, [model], config, { imageName: 'risk', generateDockerfile: true })
    assert.deepEqual([made.state, made.location], ['Running', undefined])
    const lines: string[] = []
    await made.waitForCreation({ showOutput: line => void lines.push(line) })
    assert.deepEqual([made.state, made.location], ['Succeeded', join(root, 'out/risk.zip')])
    assert.deepEqual(lines.slice(0, 2), [`the app of ${root}`, 'risk: ridge:1'])
    assert.match(
      lines.slice(2).join('\n'),
      /^\S+risk\.zip: 1\d\.\d\d MB for linux-x64, without images\nSHA-256 [0-9a-f]{64}$/,
    )
    assert.equal(made.getLogs(), lines.map(line => `${line}\n`).join(''))

    const folder = await mkdtemp(join(tmpdir(), 'saved-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
    await made.save(join(folder, 'context'))
    assert.deepEqual((await readdir(join(folder, 'context'))).sort(), ['Dockerfile', 'risk.zip'])
    const dockerfile = DockerfileParser.parse(await readFile(join(folder, 'context/Dockerfile'), 'utf8'))
    assert.deepEqual(
      dockerfile.getInstructions().map(each => each.getKeyword()),
      ['FROM', 'COPY', 'RUN', 'FROM', 'ENV', 'COPY'],
    )
    // What the Dockerfile does.
    const app = join(folder, 'app')
    await promisify(execFile)('python3', ['-m', 'zipfile', '--extract', join(folder, 'context/risk.zip'), app])
    assert.deepEqual(await readdir(join(app, 'models')), ['risk'])
    const running = await runProject(test, app)
    const answer = await running.score('risk', diabetes)
    assert.deepEqual([answer.status, await answer.json()], [200, diabetesScores])
    assert.deepEqual(Object.keys(await running.settled()), ['risk'])
  })

  it('changes nothing in the workspace', async () => {
    assert.deepEqual(
      (await Model.list(workspace)).map(({ id }) => id),
      ['iris:1', 'ridge:1'],
    )
    assert.deepEqual((await readdir(join(root, 'models'))).sort(), ['iris', 'ridge'])
  })

  it('says what is wrong', async () => {
    const config = new InferenceConfig()
    assert.throws(() => Model.package(workspace, [model], config, { imageLabel: '1' } as object), {
      name: 'TypeError',
      message: 'Model.package: imageLabel: a zip file has no label; make it part of imageName',
    })
    const cases: [parameters: object, models: Model[], message: RegExp][] = [
      [{ imageName: '../risk' }, [model], /"\.\.\/risk" is not a valid service name/],
      [{}, [], /^imageName: name the service, which has no model to be called after$/],
      [{}, [model, model], /several need an entryScript/],
      [{ project: tmpdir() }, [model], /^project: a package holds the app of a project, and \/.+ is none/],
    ]
    for (const [parameters, models, message] of cases) {
      const failing = Model.package(workspace, models, config, parameters)
      await assert.rejects(failing.waitForCreation(), { message })
      await assert.rejects(failing.save(tmpdir()), { message })
      assert.equal(failing.state, 'Failed')
      assert.match(failing.getLogs().trimEnd().split('\n').at(-1) ?? '', message)
      assert.throws(() => failing.pull(), {
        name: 'WorkspaceError',
        message: /not an image in a registry; save copies it$/,
      })
    }
  })
})
