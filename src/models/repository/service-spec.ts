import type { ServiceDefinition } from '../definition/definition.ts'

/** A model file that exists, with the name scripts load it by. */
export interface ModelPath {
  readonly name: string
  readonly path: string
  readonly sha256: string | undefined
}

/** A stage of a pipeline: either `model`, the name of one of the models, or `script`, a file that exists. */
export interface StageSpec {
  readonly name: string
  readonly model: string | undefined
  readonly script:
    | { readonly path: string /** Its name in messages, e.g. `digits/decode.ts`. */; readonly name: string }
    | undefined
  readonly accelerator: ServiceDefinition['accelerator']
  readonly maxRows: number
}

/** Everything a thread needs to serve a service; plain data, because it crosses to the thread. */
export interface ServiceSpec {
  readonly service: string
  /** The folder with its `service.json`. */
  readonly folder: string
  readonly definition: ServiceDefinition
  /** SHA-256 of `service.json`, hexadecimal. */
  readonly definitionDigest: string
  readonly models: readonly ModelPath[]
  /** The numbered folder of its models, e.g. `2` for `2/model.onnx`; undefined: they are in none, or in different ones. */
  readonly version: string | undefined
  /** All numbered folders that hold a model, oldest first. */
  readonly versions: readonly string[]
  /** Folder that an entry script expects behind `AZUREML_MODEL_DIR`. */
  readonly modelDir: string
  readonly entryScript: string | undefined
  /** The stages of a pipeline, in order; undefined: it is none. */
  readonly stages: readonly StageSpec[] | undefined
  /** Text of the sample request body, when `service.json` names one. */
  readonly sample: string | undefined
  /** By name, where the service has deployments; it is then itself as the one with the greatest weight. */
  readonly deployments?: Readonly<Record<string, ServiceSpec>>
}

/** Whether code of the owner runs in the workers of the service: an entry script, or one in a pipeline. */
export function hasScript({ entryScript, stages }: ServiceSpec): boolean {
  return entryScript !== undefined || stages?.some(({ script }) => script !== undefined) === true
}
