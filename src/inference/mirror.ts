/** Copies of requests for deployments whose answers are compared and counted, and never sent. */
import type { InferenceRequest } from '../scheduling/inference-request.ts'
import { discard, type InferenceResult, type WholeResult } from '../scheduling/inference-result.ts'
import { compareAnswers } from './compare-answers.ts'
import type { Deployments } from './deployments.ts'
import type { ScoringService } from './scoring-service.ts'

/** Copies that may be under way for a service; requests beyond that are not mirrored. */
const maxCopies = 64
const maxCopiedBytes = 64 * 1024 * 1024

/** A request whose copies wait for its answer. */
export interface MirroredRequest {
  /** Sends the copies, now that the caller has the answer, and compares theirs with it. */
  answered(result: InferenceResult): void
}

export class Mirror {
  readonly #deployments: Deployments
  #copies = 0
  #bytes = 0

  constructor(deployments: Deployments) {
    this.#deployments = deployments
  }

  /**
   * Copies a request before it goes to a worker, if it is one that is mirrored.
   *
   * @param answering  the deployment whose answer the caller gets
   */
  copy(answering: ScoringService, request: InferenceRequest): MirroredRequest | undefined {
    const targets = this.#deployments.chooseMirrors(answering)
    if (targets.length === 0 || request.details?.encrypted) return undefined
    const bytes = request.body.byteLength
    if (this.#copies >= maxCopies || this.#bytes + bytes > maxCopiedBytes) {
      for (const { service } of targets) service.metrics?.mirrored('dropped')
      return undefined
    }
    this.#copies++
    this.#bytes += bytes
    const copied: InferenceRequest = { ...request, body: new Uint8Array(request.body) } // a Buffer's slice shares memory
    const drop = () => {
      this.#copies--
      this.#bytes -= bytes
    }
    return {
      answered: result => {
        if (result.kind === 'failure') return drop()
        void Promise.all(
          targets.map(({ service }, index) => {
            const own = index === 0 ? copied : { ...copied, body: new Uint8Array(copied.body) } // a worker takes the bytes
            return compare(service, own, result)
          }),
        ).finally(drop)
      },
    }
  }
}

/** Never rejects. */
async function compare(service: ScoringService, request: InferenceRequest, answer: InferenceResult): Promise<void> {
  const endsAt = performance.now() + service.definition.limits.timeoutMs
  let result: WholeResult | undefined
  try {
    result = await service.inferInBackground(request, () => performance.now() > endsAt)
  } catch {
    // It has stopped, or lost its workers.
  }
  if (!result || result.kind === 'failure') return service.metrics?.mirrored('failed')
  service.metrics?.mirrored(compareAnswers(answer, result))
  discard(result)
}
