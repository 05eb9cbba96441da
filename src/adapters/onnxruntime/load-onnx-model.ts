import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { type ProviderAttempt, planAttempts } from '../../models/repository/provider-attempts.ts'
import type { ModelPath } from '../../models/repository/service-spec.ts'
import { describeOnCpu } from '../../models/session/placement.ts'
import { CachedModels } from '../model-cache/cached-models.ts'
import { loadFailure } from './load-failure.ts'
import { ModelFile } from './model-file.ts'
import { OnnxModelSession } from './onnx-model-session.ts'
import { reasonOf } from './provider-failure.ts'

type Accelerator = ServiceDefinition['accelerator']

/**
 * Loads a model on the first of its execution providers that is there. Blocks the calling thread for as long as ONNX
 * Runtime needs.
 *
 * @throws ServiceLoadError when the digest differs, the file is not a model, takes or gives what nobody could send or
 *   read, or no provider that service.json allows can run it
 */
export async function loadOnnxModel(
  model: ModelPath,
  accelerator: Accelerator,
  cached = new CachedModels(undefined),
): Promise<OnnxModelSession> {
  const file = new ModelFile(model)
  const refusals: string[] = []
  for (const attempt of planAttempts(accelerator)) {
    try {
      const session =
        (attempt.name === 'cpu' && (await cached.open(file, attempt, accelerator))) ||
        (await OnnxModelSession.open(file, attempt, accelerator))
      for (const refusal of refusals) session.notes.push(`${refusal}; it is loaded on ${attempt.name} instead`)
      return session
    } catch (cause) {
      if (attempt.name === 'cpu') throw loadFailure(file, cause as Error)
      refusals.push(
        `model "${model.name}" cannot be loaded on ${await why(file, attempt, accelerator, cause as Error)}`,
      )
    }
  }
  const hint =
    accelerator.onUnavailable === 'fail'
      ? 'accelerator.onUnavailable is "fail"'
      : 'accelerator.executionProviders does not end with "cpu"'
  throw new ServiceLoadError(`${refusals.join('; ')} (${hint})`)
}

/** The provider and the reason. */
async function why(file: ModelFile, attempt: ProviderAttempt, accelerator: Accelerator, cause: Error): Promise<string> {
  // ONNX Runtime says that there are such nodes, and not which.
  const isForNodes = /fallback to CPU EP has been explicitly disabled/.test(cause.message)
  return `${attempt.name}: ${isForNodes ? await nodesOnCpu(file, attempt, accelerator) : reasonOf(attempt.name, cause)}`
}

/** Loads it once more with the CPU behind it, to see which nodes would land there. */
async function nodesOnCpu(file: ModelFile, attempt: ProviderAttempt, accelerator: Accelerator): Promise<string> {
  const session = await OnnxModelSession.open(file, { ...attempt, isStrict: false }, accelerator)
  try {
    await session.measurePlacement()
  } finally {
    await session.release()
  }
  return session.placement
    ? `${describeOnCpu(session.placement)} would run on the CPU`
    : 'some nodes would run on the CPU'
}
