import { stat } from 'node:fs/promises'
import { type ProviderAttempt, planAttempts } from '../../engine/execution-providers.ts'
import { describeOnCpu } from '../../engine/placement.ts'
import type { ModelPath } from '../../engine/thread-spec.ts'
import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../service/definition.ts'
import { CachedModels } from '../model-cache/cached-models.ts'
import { type Fingerprint, fingerprintOf } from '../model-cache/file-fingerprint.ts'
import { OnnxModelSession } from './onnx-model-session.ts'
import { reasonOf } from './provider-failure.ts'

type Accelerator = ServiceDefinition['accelerator']

/**
 * Loads a model on the first of its execution providers that is there. Blocks the calling thread for as long as ONNX
 * Runtime needs.
 *
 * @throws ServiceLoadError when the digest differs, the file is not a model, uses a type that JavaScript cannot hold, or
 *   no provider that service.json allows can run it
 */
export async function loadOnnxModel(
  model: ModelPath,
  accelerator: Accelerator,
  cached = new CachedModels(undefined),
): Promise<OnnxModelSession> {
  const digest = verifyDigest(model)
  const refusals: string[] = []
  for (const attempt of planAttempts(accelerator)) {
    try {
      const session =
        (attempt.name === 'cpu' && (await cached.open(model, attempt, accelerator, digest))) ||
        (await OnnxModelSession.open(model, attempt, accelerator))
      for (const refusal of refusals) session.notes.push(`${refusal}; it is loaded on ${attempt.name} instead`)
      return session
    } catch (cause) {
      if (cause instanceof ServiceLoadError) throw cause
      if (attempt.name === 'cpu') throw await notLoaded(model, cause as Error)
      refusals.push(
        `model "${model.name}" cannot be loaded on ${await why(model, attempt, accelerator, cause as Error)}`,
      )
    }
  }
  const hint =
    accelerator.onUnavailable === 'fail'
      ? 'accelerator.onUnavailable is "fail"'
      : 'accelerator.executionProviders does not end with "cpu"'
  throw new ServiceLoadError(`${refusals.join('; ')} (${hint})`)
}

async function notLoaded({ name, path }: ModelPath, cause: Error): Promise<ServiceLoadError> {
  return new ServiceLoadError(
    `model "${name}" cannot be loaded: ${cause.message} (is it a whole ONNX file? it has ${await sizeOf(path)})`,
    { cause },
  )
}

/** The provider and the reason. */
async function why(
  model: ModelPath,
  attempt: ProviderAttempt,
  accelerator: Accelerator,
  cause: Error,
): Promise<string> {
  // ONNX Runtime says that there are such nodes, and not which.
  const isForNodes = /fallback to CPU EP has been explicitly disabled/.test(cause.message)
  return `${attempt.name}: ${isForNodes ? await nodesOnCpu(model, attempt, accelerator) : reasonOf(attempt.name, cause)}`
}

/** Loads it once more with the CPU behind it, to see which nodes would land there. */
async function nodesOnCpu(model: ModelPath, attempt: ProviderAttempt, accelerator: Accelerator): Promise<string> {
  const session = await OnnxModelSession.open(model, { ...attempt, isStrict: false }, accelerator)
  try {
    await session.measurePlacement()
  } finally {
    await session.release()
  }
  return session.placement
    ? `${describeOnCpu(session.placement)} would run on the CPU`
    : 'some nodes would run on the CPU'
}

async function sizeOf(path: string): Promise<string> {
  return stat(path).then(
    file => (file.isFile() ? `${file.size} bytes` : 'no bytes: it is not a file'),
    () => 'no bytes that can be read',
  )
}

/** @returns what the file has, where it had to be read */
function verifyDigest({ name, path, sha256 }: ModelPath): Fingerprint | undefined {
  if (!sha256) return undefined
  const fingerprint = fingerprintOf(path)
  if (fingerprint.sha256 !== sha256.toLowerCase()) {
    throw new ServiceLoadError(
      `model "${name}": the file's SHA-256 is ${fingerprint.sha256}, service.json says ${sha256.toLowerCase()}`,
    )
  }
  return fingerprint
}
