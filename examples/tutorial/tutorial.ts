/**
 * The lines of Azure Machine Learning's tutorials: `node examples/tutorial/tutorial.ts`, while `npx scoring start` runs.
 */
import { readFile } from 'node:fs/promises'
import { FlexWebservice, InferenceConfig, Model, Webservice, Workspace } from 'scoring-functions/client'

const workspace = await Workspace.fromConfig()

const model = await Model.register(workspace, {
  modelPath: 'models/diabetes/1/model.onnx',
  modelName: 'sklearn-regression-model',
  tags: { area: 'diabetes', type: 'regression' },
  description: 'Ridge regression model to predict diabetes',
})
console.log(model.name, model.version)

const configuration = FlexWebservice.deployConfiguration({
  tags: { data: 'diabetes' },
  description: 'Predict diabetes',
})
const service = await Model.deploy(workspace, 'tutorial', [model], new InferenceConfig(), configuration, {
  overwrite: true,
})
await service.waitForDeployment()
console.log(service.state)

const sample = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8'))
console.log(await service.run(sample))

const { primary } = await service.getKeys()
await service.regenKey('Primary')
console.log((await service.getKeys()).primary === primary ? 'the same key' : 'a new key')
console.log(await service.run(sample))

const second = await Model.register(workspace, { modelPath: 'models/diabetes/1/model.onnx', modelName: model.name })
await service.update({ models: [second] })
await service.waitForDeployment()
for (const { name, state } of await Webservice.list(workspace, { modelName: model.name })) console.log(name, state)

await service.delete()
