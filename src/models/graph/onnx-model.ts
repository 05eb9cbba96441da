import type { OnnxAttribute } from './onnx-attribute.ts'
import type { OnnxTensor } from './onnx-tensor.ts'
import type { ByteRange } from './protobuf.ts'

/** The range of a message in the file: `fieldStart` to `end` with its tag and length, `start` to `end` without. */
export interface FieldRange extends ByteRange {
  readonly fieldStart: number
}

/** ModelProto (onnx.proto). Parts that an edited copy may replace keep their range in `bytes`. */
export interface OnnxModel {
  readonly bytes: Uint8Array
  readonly irVersion: number
  /** Version of each operator set by domain; the standard one, `ai.onnx`, has the domain ''. */
  readonly opsets: ReadonlyMap<string, number>
  readonly graph: OnnxGraph
  readonly functions: readonly OnnxFunction[]
}

/** GraphProto */
export interface OnnxGraph {
  readonly range: FieldRange
  readonly nodes: readonly OnnxNode[]
  readonly inputs: readonly OnnxValueInfo[]
  readonly outputs: readonly OnnxValueInfo[]
  readonly initializers: readonly OnnxTensor[]
  readonly sparseInitializers: readonly OnnxSparseTensor[]
}

/** NodeProto. An input or output that is left out has the name ''. */
export interface OnnxNode {
  readonly range: FieldRange
  readonly name: string
  readonly operator: string
  /** '' is the standard operator set, which may also be written `ai.onnx`. */
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, OnnxAttribute>
}

/** FunctionProto: an operator that the file itself defines by other operators. */
export interface OnnxFunction {
  readonly name: string
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributeDefaults: ReadonlyMap<string, OnnxAttribute>
  readonly nodes: readonly OnnxNode[]
  readonly opsets: ReadonlyMap<string, number>
}

/** ValueInfoProto */
export interface OnnxValueInfo {
  readonly range: FieldRange
  readonly name: string
  /** Undefined where the file gives no type. */
  readonly type: OnnxType | undefined
}

/** TypeProto. `elementType` is a TensorProto.DataType; `shape` is undefined when any rank goes. */
export type OnnxType =
  | { readonly kind: 'tensor'; readonly elementType: number; readonly shape: readonly Dimension[] | undefined }
  | { readonly kind: 'sparseTensor'; readonly elementType: number; readonly shape: readonly Dimension[] | undefined }
  | { readonly kind: 'sequence'; readonly element: OnnxType | undefined }
  | { readonly kind: 'optional'; readonly element: OnnxType | undefined }
  | { readonly kind: 'map'; readonly keyType: number; readonly value: OnnxType | undefined }
  | { readonly kind: 'opaque' }

/** A size, a name for a size that each request decides, or nothing (null). */
export type Dimension = number | string | null

/** SparseTensorProto: its values carry the name. */
export interface OnnxSparseTensor {
  readonly name: string
  readonly dims: readonly number[]
}
