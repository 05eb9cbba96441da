/** Copies of requests for deployments whose answers are compared and counted, and never sent. */
import { countBytes, type InferenceRequest } from '../scheduling/inference-request.ts'
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

/** A copy of a request for one deployment. */
interface Copy {
  readonly service: ScoringService
  readonly request: InferenceRequest
  /** Whether it is not to be scored, as requests need its memory. */
  isGivenUp: boolean
  end(): void
}

export class Mirror {
  readonly #deployments: Deployments
  #copies = 0
  #bytes = 0

  constructor(deployments: Deployments) {
    this.#deployments = deployments
  }

  /**
   * Copies a request before it goes to a worker, if it is one that is mirrored, and there is memory that no request needs.
   *
   * @param answering  the deployment whose answer the caller gets
   */
  copy(answering: ScoringService, request: InferenceRequest): MirroredRequest | undefined {
    const targets = this.#deployments.chooseMirrors(answering)
    if (targets.length === 0 || request.details?.encrypted) return undefined
    const copies = targets.flatMap(({ service }) => this.#copyFor(service, request) ?? [])
    if (copies.length === 0) return undefined
    return {
      answered: result => {
        for (const copy of copies) {
          if (result.kind === 'failure') copy.end()
          else void compare(copy, result).finally(() => copy.end())
        }
      },
    }
  }

  /** @returns undefined when too many are under way */
  #copyFor(service: ScoringService, request: InferenceRequest): Copy | undefined {
    const bytes = countBytes(request)
    const hasRoom = this.#copies < maxCopies && this.#bytes + bytes <= maxCopiedBytes
    const spare = hasRoom
      ? service.bytes.holdSpare(bytes, () => {
          copy.isGivenUp = true
        })
      : undefined
    if (!spare) {
      service.metrics?.mirrored('dropped')
      return undefined
    }
    this.#copies++
    this.#bytes += bytes
    const copy: Copy = {
      service,
      request: { ...request, body: new Uint8Array(request.body) }, // a Buffer's slice shares memory
      isGivenUp: false,
      end: () => {
        spare.release()
        this.#copies--
        this.#bytes -= bytes
      },
    }
    return copy
  }
}

/** Never rejects. */
async function compare(copy: Copy, answer: InferenceResult): Promise<void> {
  const { service, request } = copy
  const endsAt = performance.now() + service.definition.limits.timeoutMs
  let result: WholeResult | undefined
  try {
    if (!copy.isGivenUp)
      result = await service.inferInBackground(request, () => copy.isGivenUp || performance.now() > endsAt)
  } catch {
    // It has stopped, or lost its workers.
  }
  if (result && result.kind !== 'failure') {
    service.metrics?.mirrored(compareAnswers(answer, result))
    discard(result)
  } else service.metrics?.mirrored(copy.isGivenUp ? 'dropped' : 'failed')
}
