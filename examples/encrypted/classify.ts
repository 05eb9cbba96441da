/**
 * Scores digits that the service cannot read: `node examples/encrypted/classify.ts`, while `npx scoring start` runs. They are encrypted
 * and their scores decrypted here, with a key that never leaves this process.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { EncryptedLinearClient, InferenceConfig, Model, Workspace } from 'scoring-functions/client'

const folder = fileURLToPath(new URL('../digits-encrypted', import.meta.url))
const workspace = await Workspace.fromConfig()
const model = await Model.register(workspace, { modelPath: `${folder}/1/model.onnx`, modelName: 'digits-linear' })
const config = new InferenceConfig({ definition: { encrypted: { maxFeature: 16, featureScale: 1 } } })
const service = await Model.deploy(workspace, 'encrypted', [model], config, undefined, { overwrite: true })
await service.waitForDeployment()

const { primary: key = '' } = await service.getKeys()
const client = await EncryptedLinearClient.create({ url: service.scoringUri, key })
const { data } = JSON.parse(await readFile(`${folder}/sample.json`, 'utf8')) as { data: number[][] }
const [digit = []] = data

const request = client.encrypt(digit)
console.log(`${digit.length} pixels are sent as ${request.length} encrypted bytes`)
const scores = await client.predict(data)
console.log(scores.map(each => client.label(each)))
await service.delete()
