/**
 * A service that takes tokens of Microsoft Entra ID in place of keys: `TENANT_ID=… AUDIENCE=api://scoring node examples/token/token.ts`,
 * while `npx scoring start` runs. The caller is a managed identity, or the account of `az login`, and has the role `Score`.
 */
import { readFile } from 'node:fs/promises'
import {
  FlexWebservice,
  InferenceConfig,
  Model,
  type RequestError,
  Webservice,
  Workspace,
} from 'scoring-functions/client'

const { TENANT_ID: tenantId = '', AUDIENCE: audience = 'api://scoring' } = process.env
const workspace = await Workspace.fromConfig()
const model = await Model.register(workspace, {
  modelPath: 'models/diabetes/1/model.onnx',
  modelName: 'diabetes-model',
})
const configuration = FlexWebservice.deployConfiguration({
  tokenAuthEnabled: true,
  tokenAuth: { tenantId, audience, role: 'Score' },
})
const service = await Model.deploy(workspace, 'token', [model], new InferenceConfig(), configuration, {
  overwrite: true,
})
await service.waitForDeployment()
const sample = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8'))

const stranger = new Webservice({ url: service.scoringUri })
await stranger.run(sample).catch(({ status, code }: RequestError) => console.log(`without a token: ${status} ${code}`))

const { refreshBy } = await service.getToken()
console.log(`a token for the next ${Math.round((refreshBy.getTime() - Date.now()) / 60_000)} minutes`)
console.log(await service.run(sample)) // asks for tokens itself, and for the next one in time
await service.delete()
