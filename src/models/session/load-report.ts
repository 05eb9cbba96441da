import { ScoringError } from '../../errors.ts'
import type { TensorInfo } from './model-session.ts'
import type { Placement } from './placement.ts'

/** How `run` of an entry script is called: text, checked input, or the request itself. */
type ScriptKind = 'raw' | 'typed' | 'rawHttp'

/** The largest tensor in an example, in elements; larger ones would make a document of megabytes. */
export const maxExampleElements = 4096

/** The findings of a worker that has loaded its service. */
export interface LoadReport {
  readonly scriptKind: ScriptKind
  /** `run` has a second parameter, for the headers of the request. */
  readonly takesHeaders: boolean
  /** The providers that ran the models: one name, or several with a comma where stages or nodes differ. */
  readonly executionProvider: string
  /** Models that were opened from the files of `scoring optimize`. */
  readonly optimizedAhead?: readonly string[]
  readonly inputs: readonly TensorInfo[]
  /** Inputs that may be left out. */
  readonly optionalInputs?: readonly TensorInfo[] | undefined
  readonly outputs: readonly TensorInfo[]
  /** What a script answered a sample with, for callers that get tensors; undefined: unknown, or a model answers. */
  readonly answerTensors?: readonly TensorInfo[] | undefined
  /** Members of the answer that are lists of tensors, see `listNames`. */
  readonly lists?: readonly string[] | undefined
  /** Names of the stages of a pipeline, in order; undefined: it is none. */
  readonly stages?: readonly string[] | undefined
  /** Media types of bodies that the service takes besides JSON. */
  readonly mediaTypes?: readonly string[]
  /** JSON text of a request body that the service takes: its owner's, or one that was made up and could be scored. */
  readonly inputSample?: string | undefined
  /** `inputSample` was scored while the service was loaded; else it only shows the form. */
  readonly isSampleScored?: boolean
  /** JSON Schema (draft 2020-12) of the request body, when the script declares its input by a schema. */
  readonly inputJsonSchema?: Readonly<Record<string, unknown>> | undefined
  /** JSON text of the answer to `inputSample`, when it is short enough to be shown. */
  readonly outputSample?: string | undefined
  /** JSON Schema (draft 2020-12) of the answer of an entry script: declared, else read off the answer to a sample. */
  readonly outputJsonSchema?: Readonly<Record<string, unknown>> | undefined
  /** How features may be encrypted; undefined: they may not. */
  readonly encrypted?: EncryptedFacts | undefined
  /** The placement of the nodes of each model that is not on the CPU alone. */
  readonly placements?: readonly Placement[]
  /** Whether rows of several requests may share one run. */
  readonly isBatchable: boolean
  /** One sentence for people: whether micro-batching is on, and why. */
  readonly microBatching?: string
  /**
   * Whether rows that come in one request get the answers of each alone, on the first axis of what it answers; undefined: as
   * `isBatchable`.
   */
  readonly rowsMayShareRequest?: boolean
  /** Notes for the owner: the reason why rows are not shared, and others. */
  readonly notes: readonly string[]
  readonly loadMs: number
  readonly warmUpMs: number
}

/** Whether callers may send tensors: not where the script reads bodies itself, as text, as checked members or as a whole. */
export function takesTensors({ scriptKind, inputJsonSchema }: LoadReport): boolean {
  return scriptKind === 'typed' && inputJsonSchema === undefined
}

/** @throws ScoringError TENSORS_NOT_TAKEN, because the script reads request bodies in its own way */
export function refuseTensors(): never {
  throw new ScoringError(
    'TENSORS_NOT_TAKEN',
    'The script of this service reads request bodies itself and takes no tensors; send the body that the script expects to its /score.',
  )
}

/** The tensors that go in and come out, for callers that send tensors; there are none where the script reads bodies itself. */
export function findTensors(report: LoadReport): Pick<LoadReport, 'inputs' | 'outputs'> {
  if (!takesTensors(report)) return { inputs: [], outputs: [] }
  const { inputs, outputs, lists, answerTensors = [] } = report
  return { inputs, outputs: lists === undefined ? answerTensors : outputs }
}

/** What clients need to know to encrypt features, as JSON. */
export interface EncryptedFacts {
  readonly featureCount: number
  readonly classCount: number
  /** The mode of the Python package `encrypted-inference`; null: it is off. */
  readonly original: (EncryptedSizes & { readonly ciphertextCount: number }) | null
  /** The mode of our client; null: it is off. */
  readonly fast: EncryptedSizes | null
}

/** Bytes of a request and of its answer, before base64; those of a request of the original mode are about so many. */
interface EncryptedSizes {
  readonly requestBytes: number
  readonly replyBytes: number
}
