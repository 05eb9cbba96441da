import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { type ProviderAttempt, planAttempts } from '../../models/repository/provider-attempts.ts'
import type { ModelPath } from '../../models/repository/service-spec.ts'
import { describeOnCpu } from '../../models/session/placement.ts'
import { loadFailure } from './load-failure.ts'
import { ModelFile } from './model-file.ts'
import { OnnxModelSession } from './onnx-model-session.ts'
import { findOptimized } from './optimized-model.ts'
import { explainFailure, plain } from './provider-failure.ts'

type Accelerator = ServiceDefinition['accelerator']

/**
 * Loads a model on the first of its execution providers that is there. Blocks the calling thread for as long as ONNX
 * Runtime needs.
 *
 * @throws ServiceLoadError when the digest differs, the file is not a model, its inputs or outputs have types that callers
 *   cannot send or read, or no provider that service.json allows can run it
 */
export async function loadOnnxModel(model: ModelPath, accelerator: Accelerator): Promise<OnnxModelSession> {
  const file = new ModelFile(model)
  const refusals: string[] = []
  for (const attempt of planAttempts(accelerator)) {
    try {
      const session = await openSession(file, attempt, accelerator)
      for (const refusal of refusals) session.notes.push(`${refusal}; it is loaded on ${attempt.name} instead`)
      return session
    } catch (cause) {
      if (attempt.name === 'cpu') throw loadFailure(file, cause as Error)
      refusals.push(
        `model "${model.name}" cannot be loaded on ${await explainRefusal(file, attempt, accelerator, cause as Error)}`,
      )
    }
  }
  const hint =
    accelerator.onUnavailable === 'fail'
      ? 'accelerator.onUnavailable is "fail"'
      : 'accelerator.executionProviders does not end with "cpu"'
  throw new ServiceLoadError(`${refusals.join('; ')} (${hint})`)
}

/** Opens the optimized file on the CPU, if there is one that matches; else the model itself, with a note why. */
async function openSession(
  file: ModelFile,
  attempt: ProviderAttempt,
  accelerator: Accelerator,
): Promise<OnnxModelSession> {
  if (attempt.name !== 'cpu') return OnnxModelSession.open(file, attempt, { accelerator })
  const found = findOptimized(file, accelerator)
  if (found.kind === 'none') return OnnxModelSession.open(file, attempt, { accelerator })
  let why: string
  if (found.kind === 'unusable') why = found.why
  else {
    try {
      return await OnnxModelSession.open(file, attempt, { accelerator, optimizedPath: found.path })
    } catch (failure) {
      why = `ONNX Runtime cannot open it (${plain((failure as Error).message)})`
    }
  }
  const session = await OnnxModelSession.open(file, attempt, { accelerator })
  session.notes.push(`the optimized graph of model "${file.name}" is not used: ${why}; scoring optimize makes it again`)
  return session
}

/** @returns the provider and the reason */
async function explainRefusal(
  file: ModelFile,
  attempt: ProviderAttempt,
  accelerator: Accelerator,
  cause: Error,
): Promise<string> {
  // ONNX Runtime says that there are such nodes, and not which.
  const isForNodes = /fallback to CPU EP has been explicitly disabled/.test(cause.message)
  return `${attempt.name}: ${isForNodes ? await nodesOnCpu(file, attempt, accelerator) : explainFailure(attempt.name, cause)}`
}

/** Loads the model once more with the CPU behind the provider, to see which nodes would run there. */
async function nodesOnCpu(file: ModelFile, attempt: ProviderAttempt, accelerator: Accelerator): Promise<string> {
  const session = await OnnxModelSession.open(file, { ...attempt, isStrict: false }, { accelerator })
  try {
    await session.measurePlacement()
  } finally {
    await session.release()
  }
  return session.placement
    ? `${describeOnCpu(session.placement)} would run on the CPU`
    : 'some nodes would run on the CPU'
}
