/** Scores encrypted requests in a worker. A bundle of its own, so that workers of other services do not read its code. */
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { decodeBase64 } from '../encrypted/base64.ts'
import { requestBytes } from '../encrypted/bfv/layout.ts'
import { encodeBinaryReply, encodeReply } from '../encrypted/bfv/wire.ts'
import { ServiceScorer } from '../encrypted/service-scorer.ts'
import { ScoringError, ServiceLoadError } from '../errors.ts'
import { findLinearModel } from '../models/graph/find-linear-model.ts'
import type { ReadExternal } from '../models/graph/onnx-tensor.ts'
import { readOnnxModel } from '../models/graph/read-onnx-model.ts'
import type { ServiceSpec } from '../models/repository/service-spec.ts'
import type { InferenceRequest } from '../scheduling/inference-request.ts'
import type { RunOutput } from '../workers/runtime/codec.ts'
import type { EncryptedScorer } from '../workers/runtime/encrypted-scorer.ts'

/**
 * Reads the weights of a service's model and prepares them.
 *
 * @throws ServiceLoadError when the model is not linear, or its numbers are beyond what can be encrypted
 */
export async function openEncryptedScorer({ definition, models }: ServiceSpec): Promise<EncryptedScorer> {
  const [model] = models
  if (!model || models.length > 1)
    throw new ServiceLoadError(`"encrypted" takes a service with one model, and this one has ${models.length}`)
  const found = findLinearModel(readOnnxModel(readFileSync(model.path)), readBeside(dirname(model.path)))
  if (found.kind === 'other')
    throw new ServiceLoadError(
      `"encrypted" takes a linear model, and model "${model.name}" is not known to be one: ${found.why}`,
    )
  const { encrypted } = definition
  const scorer = await ServiceScorer.create(found.model, typeof encrypted === 'boolean' ? {} : encrypted)
  return { published: scorer.published, notes: scorer.notes, run: request => run(scorer, request) }
}

/** Reads from files below the folder only, as ONNX Runtime does. */
function readBeside(folder: string): ReadExternal {
  return (location, offset, length) => {
    const path = normalize(location)
    if (isAbsolute(path) || path.split(sep).includes('..')) return undefined
    const bytes = readFileSync(join(folder, path)).subarray(offset, offset + length)
    return bytes.length === length ? bytes : undefined
  }
}

function run(scorer: ServiceScorer, { body, details }: InferenceRequest): RunOutput {
  const encrypted = details?.encrypted
  switch (encrypted?.kind) {
    case 'original': {
      const replies = scorer.scoreOriginal(readData(body) as string[], encrypted.keys)
      const texts = replies.map(reply =>
        Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString('base64'),
      )
      return { kind: 'encoded', body: JSON.stringify(texts) }
    }
    case 'fast': {
      const bytes = encrypted.isJson ? decodeBase64(readData(body) as string, requestBytes, 'data') : body
      const { reply, plan } = scorer.scoreFast(bytes)
      if (!encrypted.isBinary) return { kind: 'encoded', body: JSON.stringify(encodeReply(reply, plan)) }
      const headers = [
        ['content-type', 'application/octet-stream'],
        ['x-content-type-options', 'nosniff'],
      ] as const
      return { kind: 'response', status: 200, headers, body: encodeBinaryReply(reply, plan) }
    }
    case 'keys':
      scorer.prepareKeys(body, encrypted.target)
      return { kind: 'encoded', body: '' }
    default:
      throw new ScoringError('INTERNAL', 'a request without encryption came to the scorer of encrypted requests')
  }
}

/** The main thread has checked that it is there, and of which kind. */
function readData(body: Uint8Array): unknown {
  return (JSON.parse(new TextDecoder().decode(body)) as { data: unknown }).data
}
