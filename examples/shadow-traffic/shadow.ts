/**
 * Tries a new model on real requests before anybody sees its answers, then on a tenth of them, then on all:
 * `node examples/shadow-traffic/shadow.ts`, while `npx scoring start` runs.
 */
import { Model, Workspace } from 'scoring-functions/client'

const workspace = await Workspace.fromConfig()
const register = () =>
  Model.register(workspace, { modelPath: 'models/diabetes/1/model.onnx', modelName: 'diabetes-model' })
const rows = [[0.04, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, 0, 0.02, -0.02]]

const service = await Model.deploy(workspace, 'shadow', [await register()], undefined, undefined, { overwrite: true })
await service.waitForDeployment()

// Copies of all requests; the answers are compared, counted in /metrics, and not sent.
await service.createDeployment('green', { models: [await register()], mirror: 100 })
await service.waitForDeployment()
const shadowed = await service.runRaw({ data: rows })
console.log(shadowed.headers.get('azureml-model-deployment'), await shadowed.json())

await service.setTraffic({ weights: { blue: 90, green: 10 }, mirror: { green: 0 } })
await service.waitForDeployment()
const chosen = await service.runRaw({ data: rows }, { headers: { 'azureml-model-deployment': 'green' } })
console.log(chosen.headers.get('azureml-model-deployment'), await chosen.json())

await service.setTraffic({ weights: { green: 100 } })
await service.deleteDeployment('blue')
console.log(Object.entries(service.deployments).map(([name, { weight }]) => `${name} ${weight}%`))
await service.delete()
