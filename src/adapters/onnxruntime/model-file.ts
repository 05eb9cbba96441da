import { dirname } from 'node:path'
import { ServiceLoadError } from '../../errors.ts'
import { editedOnnxModel } from '../../models/graph/edit-onnx-model.ts'
import { foreignFile } from '../../models/graph/foreign-file.ts'
import type { OnnxModel, OnnxValueInfo } from '../../models/graph/onnx-model.ts'
import { dtypeOfElementType, tensorData } from '../../models/graph/onnx-tensor.ts'
import { UnreadableOnnx } from '../../models/graph/protobuf.ts'
import { readOnnxModel } from '../../models/graph/read-onnx-model.ts'
import { type ServableGraph, servableGraph, UnservableGraph } from '../../models/graph/servable-graph.ts'
import type { ModelPath } from '../../models/repository/service-spec.ts'
import type { RowProof, TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type Fingerprint, fingerprintOfBytes } from '../model-cache/file-fingerprint.ts'
import { ModelBytes } from './model-bytes.ts'
import { rowProofOf } from './row-proof.ts'

/** What a session is opened from: a file, or an edited copy of one, whose weights may lie in files beside the first. */
export type ModelSource = { readonly path: string } | { readonly bytes: Uint8Array; readonly folderOfWeights: string }

/** A file of a model, read, with what its graph says beyond what the runtime tells of it. */
export class ModelFile {
  readonly name: string
  readonly path: string
  readonly model: OnnxModel
  readonly graph: ServableGraph
  /** Of the file as it is; taken only where service.json gives a digest to compare. */
  readonly fingerprint: Fingerprint | undefined
  /** Inputs that may be left out, and what counts then. */
  readonly defaults: readonly { readonly info: TensorInfo; readonly value: Tensor }[]
  readonly #content: ModelBytes
  #source: ModelSource | undefined
  #rowProof: RowProof | undefined

  /** @throws ServiceLoadError when it is no ONNX file, or takes or gives what nobody could send or read */
  constructor({ name, path, sha256 }: ModelPath) {
    this.name = name
    this.path = path
    this.#content = readBytes(name, path, sha256 !== undefined)
    const { bytes } = this.#content
    this.fingerprint = sha256 ? requireDigest(name, sha256, bytes) : undefined
    const foreign = foreignFile(bytes)
    if (foreign !== undefined) throw new ServiceLoadError(`model "${name}" cannot be loaded: its file ${foreign}`)
    try {
      this.model = this.#content.withContentsBeside(readOnnxModel(bytes))
      this.graph = servableGraph(this.model)
      this.defaults = this.graph.defaults.map(({ input, value }) => {
        const dtype = dtypeOfElementType.get(value.elementType) as Dtype
        const tensor = new Tensor(dtype, tensorData(value) ?? [], value.dims)
        return { info: { name: value.name, dtype, shape: declaredShape(input) }, value: tensor }
      })
    } catch (cause) {
      if (cause instanceof UnservableGraph)
        throw new ServiceLoadError(`model "${name}" cannot be served: ${cause.message}`)
      if (!(cause instanceof UnreadableOnnx)) throw cause
      throw new ServiceLoadError(
        `model "${name}" cannot be loaded: the ${bytes.length} bytes of its file are no whole ONNX model, as ${cause.message}: copy or export it again`,
        { cause },
      )
    }
  }

  /** Of the graph as its author wrote it: whatever the session is opened from computes the same. */
  get rowProof(): RowProof {
    this.#rowProof ??= rowProofOf(this.model, dirname(this.path))
    return this.#rowProof
  }

  /** What the runtime is to open. */
  get source(): ModelSource {
    const { edit } = this.graph
    if (edit && !this.#source) this.#content.complete()
    this.#source ??= edit
      ? { bytes: editedOnnxModel(this.model, edit), folderOfWeights: dirname(this.path) }
      : { path: this.path }
    return this.#source
  }
}

function readBytes(name: string, path: string, isWhole: boolean): ModelBytes {
  try {
    return new ModelBytes(path, isWhole)
  } catch (cause) {
    throw new ServiceLoadError(`model "${name}" cannot be loaded: its file cannot be read: ${(cause as Error).message}`)
  }
}

function requireDigest(name: string, expected: string, bytes: Uint8Array): Fingerprint {
  const fingerprint = fingerprintOfBytes(bytes)
  if (fingerprint.sha256 === expected.toLowerCase()) return fingerprint
  throw new ServiceLoadError(
    `model "${name}": the file's SHA-256 is ${fingerprint.sha256}, service.json says ${expected.toLowerCase()}`,
  )
}

function declaredShape({ type }: OnnxValueInfo): TensorInfo['shape'] {
  return type?.kind === 'tensor' ? type.shape?.map(size => size ?? -1) : undefined
}
