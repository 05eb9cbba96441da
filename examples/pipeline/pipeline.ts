/**
 * A script, a model and another script, one after the other: `node examples/pipeline/pipeline.ts`, while `npx scoring start` runs. Callers
 * send what a laboratory measures, and get words.
 */
import { fileURLToPath } from 'node:url'
import { InferenceConfig, Model, type RequestError, Workspace } from 'scoring-functions/client'

const workspace = await Workspace.fromConfig()
const ridge = await Model.register(workspace, { modelPath: 'models/diabetes/1/model.onnx', modelName: 'ridge' })

const patients = [
  {
    ...{ age: 54, sex: 2, bmi: 36.1, bloodPressure: 115, cholesterol: 163, ldl: 98.4, hdl: 43 },
    ...{ cholesterolRatio: 4, logTriglycerides: 4.6821, glucose: 101 },
  },
]
const config = new InferenceConfig({
  sourceDirectory: fileURLToPath(new URL('scripts', import.meta.url)),
  definition: { stages: [{ script: 'scale.ts' }, { model: 'ridge' }, { name: 'grade', script: 'grade.ts' }] },
  sample: { patients },
})
const service = await Model.deploy(workspace, 'pipeline', [ridge], config, undefined, { overwrite: true })
await service.waitForDeployment()

console.log(await service.run({ patients }))
await service
  .run({ patients: [{ ...patients[0], bmi: 'high' }] })
  .catch((failure: RequestError) => console.log(failure.message))
await service.delete()
