import { ServiceLoadError } from '../errors.ts'
import { BfvEngine, type BfvModel, type BfvReply, checkRequest as checkFast } from './bfv/engine.ts'
import { requestBytes } from './bfv/layout.ts'
import { binaryReplyBytes, encodeLayout } from './bfv/wire.ts'
import { checkKeys, checkRequest as checkOriginal } from './ckks/check.ts'
import { CkksEngine } from './ckks/engine.ts'
import { ciphertextBytes } from './ckks/parameters.ts'
import { viewPreparedKeys, writePreparedKeys } from './ckks/prepared-keys.ts'
import type { PreparedModel } from './ckks/prepared-model.ts'
import { replyBytes } from './ckks/reply-writer.ts'
import { Kernel } from './kernel.ts'
import type { LinearWeights } from './linear-weights.ts'
import { refusal } from './seal-fields.ts'

/** What is known of the features of a service. */
export interface KnownFeatures {
  /** The largest absolute value; undefined: not known, so that there is no fast mode. */
  readonly maxFeature?: number | undefined
  readonly featureScale?: number | undefined
}

/** A way of encryption that the service takes, or the reason why it does not. */
type Mode<Model> = { readonly kind: 'on'; readonly model: Model } | { readonly kind: 'off'; readonly why: string }

/**
 * Most classes that the original mode scores. A reply has 175 KB for each, and each takes milliseconds: 128 of them are 22 MB and
 * about 0.4 s.
 */
const maxOriginalClasses = 128

/** Weights with the names of the classes, if there are any. */
type NamedWeights = LinearWeights & { readonly labels?: readonly (string | number)[] | undefined }

/** Scores encrypted requests of one linear model, in both modes. */
export class ServiceScorer {
  readonly #weights: NamedWeights
  readonly #bfv: BfvEngine
  readonly #ckks: CkksEngine
  readonly #original: Mode<PreparedModel>
  readonly #fast: Mode<BfvModel>

  private constructor(kernel: Kernel, weights: NamedWeights, { maxFeature, featureScale }: KnownFeatures) {
    this.#weights = weights
    this.#bfv = new BfvEngine(kernel)
    this.#ckks = new CkksEngine(kernel)
    this.#original = attempt(() => {
      if (weights.bias.length > maxOriginalClasses)
        throw new ServiceLoadError(
          `the model has ${weights.bias.length} classes, and replies to encrypted-inference have up to ${maxOriginalClasses} (175 KB each)`,
        )
      return this.#ckks.prepareModel(weights, maxFeature)
    })
    this.#fast =
      maxFeature === undefined
        ? { kind: 'off', why: 'service.json does not say "maxFeature"' }
        : attempt(() =>
            this.#bfv.prepareModel(weights, { maxFeature, ...(featureScale !== undefined && { featureScale }) }),
          )
  }

  /** @throws ServiceLoadError when no mode can score the model, with the numbers */
  static async create(weights: NamedWeights, features: KnownFeatures): Promise<ServiceScorer> {
    const scorer = new ServiceScorer(await Kernel.create(), weights, features)
    const original = scorer.#original
    const fast = scorer.#fast
    if (original.kind === 'off' && fast.kind === 'off')
      throw new ServiceLoadError(`"encrypted" is not possible: ${original.why}; ${fast.why}`)
    return scorer
  }

  /** Remarks for the owner of the service. */
  get notes(): readonly string[] {
    const original = this.#original
    const fast = this.#fast
    return [
      ...(original.kind === 'off' ? [`requests of encrypted-inference are refused: ${original.why}`] : []),
      ...(fast.kind === 'off' ? [`the fast mode of encrypted inference is off: ${fast.why}`] : []),
    ]
  }

  /** What clients may know, as `GET …/encrypted` answers it. */
  get published() {
    const { featureCount, bias, labels } = this.#weights
    const original = this.#original.kind === 'off' ? undefined : this.#original.model.plan
    const fast = this.#fast.kind === 'off' ? undefined : this.#fast.model
    return {
      featureCount,
      classCount: bias.length,
      original: original
        ? {
            client: 'encrypted-inference 0.9',
            ciphertextCount: original.blockCount,
            scale: original.scale,
            maxScore: original.maxScore,
            requestBytes: original.blockCount * ciphertextBytes,
            replyBytes: original.classCount * replyBytes,
          }
        : null,
      fast: fast
        ? {
            ...encodeLayout(fast.plan, fast.parameterId, requestBytes, labels),
            replyBytes: binaryReplyBytes(fast.plan),
          }
        : null,
    }
  }

  /**
   * @param data  ciphertexts in base64, one for each 4,096 features
   * @param keys  memory that `prepareKeys` wrote
   * @returns a ciphertext for each class
   * @throws ScoringError INPUT_INVALID
   */
  scoreOriginal(data: readonly string[], keys: SharedArrayBuffer): Uint8Array[] {
    if (this.#original.kind === 'off') throw refused(this.#original.why)
    const request = checkOriginal(data, this.#weights.featureCount)
    return this.#ckks.score(this.#original.model, request, viewPreparedKeys(keys))
  }

  /** @throws ScoringError INPUT_INVALID */
  scoreFast(bytes: Uint8Array): { readonly reply: BfvReply; readonly plan: BfvModel['plan'] } {
    if (this.#fast.kind === 'off') throw refused(this.#fast.why)
    const { model } = this.#fast
    return { reply: this.#bfv.score(model, checkFast(bytes, model.parameterId)), plan: model.plan }
  }

  /**
   * Checks public keys of the original mode and prepares them for any number of requests.
   *
   * @param target  memory of `preparedKeyBytes`
   * @throws ScoringError INPUT_INVALID
   */
  prepareKeys(blob: Uint8Array, target: SharedArrayBuffer): void {
    if (this.#original.kind === 'off') throw refused(this.#original.why)
    writePreparedKeys(this.#ckks.prepareKeys(checkKeys(blob)), target)
  }
}

function attempt<Model>(prepare: () => Model): Mode<Model> {
  try {
    return { kind: 'on', model: prepare() }
  } catch (failure) {
    if (failure instanceof ServiceLoadError) return { kind: 'off', why: failure.message }
    throw failure
  }
}

const refused = (why: string) => refusal('data', `this service does not take this kind of encryption: ${why}`)
