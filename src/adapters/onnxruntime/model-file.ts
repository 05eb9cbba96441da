import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { ServiceLoadError } from '../../errors.ts'
import { editOnnxModel } from '../../models/graph/edit-onnx-model.ts'
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
import { ModelBytes } from './model-bytes.ts'
import { proveRows } from './row-proof.ts'

/** The source of a session: a file, or an edited copy of one, whose weights may lie in files beside the first. */
type ModelSource = { readonly path: string } | { readonly bytes: Uint8Array; readonly folderOfWeights: string }

/** A model's file with what its graph says beyond the runtime's metadata. */
export class ModelFile {
  readonly name: string
  readonly path: string
  readonly model: OnnxModel
  readonly graph: ServableGraph
  /** SHA-256 of the file, in hexadecimal; taken only where service.json gives one to compare. */
  readonly sha256: string | undefined
  /** Inputs that may be left out, with their default values. */
  readonly defaults: readonly { readonly info: TensorInfo; readonly value: Tensor }[]
  readonly #content: ModelBytes
  #source: ModelSource | undefined
  #rowProof: RowProof | undefined

  /** @throws ServiceLoadError when it is no ONNX file, or has inputs or outputs of types that callers cannot send or read */
  constructor({ name, path, sha256 }: ModelPath) {
    this.name = name
    this.path = path
    this.#content = readBytes(name, path, sha256 !== undefined)
    const { bytes } = this.#content
    this.sha256 = sha256 && requireDigest(name, sha256, bytes)
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

  /** The proof is of the graph as its author wrote it; an edited or optimized graph computes the same. */
  get rowProof(): RowProof {
    this.#rowProof ??= proveRows(this.model, dirname(this.path))
    return this.#rowProof
  }

  /** The file or bytes that the runtime opens. */
  get source(): ModelSource {
    const { edit } = this.graph
    if (edit && !this.#source) this.#content.complete()
    this.#source ??= edit
      ? { bytes: editOnnxModel(this.model, edit), folderOfWeights: dirname(this.path) }
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

function requireDigest(name: string, expected: string, bytes: Uint8Array): string {
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (actual === expected.toLowerCase()) return actual
  throw new ServiceLoadError(
    `model "${name}": the file's SHA-256 is ${actual}, service.json says ${expected.toLowerCase()}`,
  )
}

function declaredShape({ type }: OnnxValueInfo): TensorInfo['shape'] {
  return type?.kind === 'tensor' ? type.shape?.map(size => size ?? -1) : undefined
}
