import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { FlexWebservice, InferenceConfig, Model, Webservice, Workspace } from '../../src/client/index.ts'
import { noOpenssl } from '../host/certificates.ts'
import { makeBlobProject } from '../support/blob-project.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { copyOfApp, type RunningApp, runProject } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'

/** The two rows and scores that Azure Machine Learning's example publishes. */
const diabetes = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')) as { data: number[][] }
const diabetesScores = [217.67978776218715, 224.78937091757172]

const register = (workspace: Workspace) =>
  Model.register(workspace, {
    modelPath: 'models/diabetes/1/model.onnx',
    modelName: 'sklearn_diabetes',
    tags: { area: 'diabetes' },
    description: 'Ridge regression',
  })

/** An app that runs in a folder with the settings, and the workspace that its project names. */
async function openProject(test: Cleaner, root: string, settings: Record<string, string>) {
  await writeFile(join(root, 'local.settings.json'), JSON.stringify({ Values: settings }))
  const app = await runProject(test, root, settings)
  return { app, workspace: await Workspace.fromFolder(root, { url: app.url }) }
}

/** The lines of the tutorials, from the first to the last. */
async function followTutorial(workspace: Workspace, app: RunningApp): Promise<void> {
  const model = await register(workspace)
  assert.deepEqual([model.id, model.tags, model.record.files.length], ['sklearn_diabetes:1', { area: 'diabetes' }, 1])
  const configuration = FlexWebservice.deployConfiguration({ cpuCores: 1, memoryGb: 1, tags: { data: 'diabetes' } })
  const service = await Model.deploy(workspace, 'my-diabetes', [model], new InferenceConfig(), configuration)
  const lines: string[] = []
  await service.waitForDeployment({ showOutput: line => void lines.push(line) })
  assert.match(lines[0] ?? '', /^cpuCores, memoryGb: the app decides/)
  assert.equal(lines.at(-1), 'my-diabetes: Healthy')
  assert.deepEqual(
    [service.state, service.authEnabled, service.tokenAuthEnabled, service.tags, service.models],
    ['Healthy', true, false, { data: 'diabetes' }, [{ name: 'sklearn_diabetes', version: '1' }]],
  )
  assert.equal(service.scoringUri, `${app.url}/api/v1/service/my-diabetes/score`)
  assert.equal((await fetch(service.swaggerUri)).status, 200)

  await scoreInEveryForm(service)
  const secrets = await regenerateKeys(workspace, service)
  await updateUnderLoad(workspace, service)
  await listAndDelete(workspace, service)
  for (const secret of secrets) assert.ok(!app.output().includes(secret))
}

async function scoreInEveryForm(service: Webservice): Promise<void> {
  assert.deepEqual(await service.run(diabetes), diabetesScores)
  assert.deepEqual(await service.run(JSON.stringify(diabetes)), diabetesScores)
  assert.deepEqual(await service.run(diabetes.data), diabetesScores)
  const elements = new Float64Array(diabetes.data.flat())
  assert.deepEqual(await service.run(elements, { shape: [2, 10] }), diabetesScores)
  assert.deepEqual(await service.run(elements), diabetesScores)
}

/** @returns the keys that there were */
async function regenerateKeys(workspace: Workspace, service: Webservice): Promise<string[]> {
  const { primary = '', secondary = '' } = await service.getKeys()
  assert.match(`${primary} ${secondary}`, /^sfkey_\S+ sfkey_\S+$/)
  const remembering = new Webservice({ url: service.scoringUri, key: primary })
  assert.deepEqual(await remembering.run(diabetes), diabetesScores)
  const fresh = await service.regenKey('Primary')
  assert.notEqual(fresh, primary)
  assert.deepEqual(await service.run(diabetes), diabetesScores) // the app reads the new key with the first request that has it
  assert.deepEqual(await service.getKeys(), { primary: fresh, secondary })
  // Another program has regenerated it: run asks for the keys again.
  await (await Webservice.get(workspace, service.name)).regenKey('primary', 'a-key-of-my-own-with-32-characters')
  assert.deepEqual(await service.run(diabetes), diabetesScores)
  // Last, because a wrong key is answered by reading the vault, which happens once in ten seconds.
  await assert.rejects(remembering.run(diabetes), { status: 401, code: 'BEARER_REJECTED' })
  return [primary, secondary, fresh, 'a-key-of-my-own-with-32-characters']
}

async function updateUnderLoad(workspace: Workspace, service: Webservice): Promise<void> {
  let isDone = false
  const counts = Array.from({ length: 4 }, async () => {
    for (let count = 1; ; count++) {
      assert.deepEqual(await service.run(diabetes), diabetesScores)
      if (isDone) return count
    }
  })
  const load = Promise.all(counts)
  const second = await register(workspace)
  assert.equal(second.id, 'sklearn_diabetes:2')
  await service.update({
    models: [second],
    tags: { data: 'diabetes', stage: 'two' },
    properties: { owner: 'risk' },
  })
  await service.waitForDeployment()
  isDone = true
  await load
  assert.deepEqual(
    [service.models, service.status.version, service.tags, service.properties],
    [[{ name: 'sklearn_diabetes', version: '2' }], '2', { data: 'diabetes', stage: 'two' }, { owner: 'risk' }],
  )
}

async function listAndDelete(workspace: Workspace, service: Webservice): Promise<void> {
  const namesOf = async (filters?: object) => (await Webservice.list(workspace, filters)).map(({ name }) => name)
  assert.deepEqual(await namesOf({ tags: [['stage', 'two']] }), ['my-diabetes'])
  assert.deepEqual(await namesOf({ modelName: 'other' }), [])
  await service.delete()
  assert.deepEqual(await namesOf(), ['first'])
  await assert.rejects(Webservice.get(workspace, 'my-diabetes'), { name: 'WebserviceError', message: /no service/ })
  const models = await Model.list(workspace, { name: 'sklearn_diabetes' })
  assert.deepEqual(
    models.map(({ id }) => id),
    ['sklearn_diabetes:1', 'sklearn_diabetes:2'],
  )
  await models[0]?.delete()
  await assert.rejects(Model.get(workspace, 'sklearn_diabetes', 1), { name: 'ModelNotFound' })
  assert.equal((await Model.get(workspace, 'sklearn_diabetes')).version, 2)
}

/** Another service is there already, made by hand or by a program before this one. */
describe('the tutorial of Azure Machine Learning, in TypeScript', () => {
  it('works in a folder', async test => {
    const root = await copyOfApp(test)
    await cp('models/digits', join(root, 'models/first'), { recursive: true })
    const { app, workspace } = await openProject(test, root, { SCORING_WATCH: 'on' })
    await followTutorial(workspace, app)
  })

  it('works in Blob storage, with keys in a vault', skipFor(noOpenssl), async test => {
    const { root, settings } = await makeBlobProject(test)
    // Before there is an app: one that starts finds the service and its keys.
    const early = await Workspace.fromFolder(root)
    assert.match(early.name, /^http:.*\/models$/)
    await Model.deploy(early, 'first', [
      await Model.register(early, { modelPath: 'models/digits/1/model.onnx', modelName: 'digits' }),
    ])
    const { app, workspace } = await openProject(test, root, settings)
    await (await Webservice.get(workspace, 'first')).waitForDeployment()
    await followTutorial(workspace, app)
    const folder = await (await Model.get(workspace, 'digits')).download(join(root, 'downloads'))
    assert.deepEqual(await readFile(join(folder, 'model.onnx')), await readFile('models/digits/1/model.onnx'))
  })
})
