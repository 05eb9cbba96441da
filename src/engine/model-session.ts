import type { Dtype } from '../tensor/dtype.ts'
import type { DeclaredShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** An input or output as the graph declares it; a named dimension may have any size. */
export interface TensorInfo {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: DeclaredShape
}

export type Feeds = Readonly<Record<string, Tensor>>

/** A model that is loaded and can run. Port: `adapters/onnxruntime/` implements it. */
export interface ModelSession {
  readonly name: string
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  /** What runs it, under ONNX Runtime's name, e.g. `cpu`. */
  readonly executionProvider: string
  /**
   * Runs the graph once.
   *
   * @param feeds  one tensor per input
   * @returns one tensor per output
   * @throws ScoringError INPUT_… when a tensor does not fit its input, MODEL_RUN_FAILED when the runtime gives up
   */
  run(feeds: Feeds): Promise<Record<string, Tensor>>
}
