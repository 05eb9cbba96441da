/** How models are served: by which script, and what the service says of itself. */

export interface InferenceConfigParameters {
  /** TypeScript or JavaScript module with `init()` and `run()`, relative to `sourceDirectory`; absent: tensors in, tensors out. */
  readonly entryScript?: string | undefined
  /**
   * Folder with the script and what it imports, or with the scripts of the `stages` in `definition`; absent: the working directory,
   * from which `entryScript` alone is taken.
   */
  readonly sourceDirectory?: string | undefined
  /** A sample request body: a value, or the path of a JSON file. It is scored at load, and shown in the OpenAPI document. */
  readonly sample?: string | object | undefined
  /** Further members of `service.json`, e.g. `{ batching: { maxRows: 256 } }`. */
  readonly definition?: Readonly<Record<string, unknown>> | undefined
}

/** As Azure ML's `InferenceConfig`; there is no environment to describe, because services run on the app's own Node.js. */
export class InferenceConfig {
  /** The module with `init()` and `run()`, if there is one. */
  readonly entryScript: string | undefined
  /** The folder of scripts, if one was given. */
  readonly sourceDirectory: string | undefined
  /** A sample request body: a value, or the path of a JSON file. */
  readonly sample: string | object | undefined
  /** Further members of `service.json`. */
  readonly definition: Readonly<Record<string, unknown>>

  /** @throws TypeError for parameters of Azure ML that mean nothing here */
  constructor(parameters: InferenceConfigParameters = {}) {
    refuseUnknown(parameters)
    const { entryScript, sourceDirectory, sample, definition = {} } = parameters
    if (entryScript !== undefined && !/\.[cm]?[jt]s$/.test(entryScript)) {
      const ofPython = entryScript.endsWith('.py')
        ? '; Python is not run: guide/entry-scripts.md shows the same script in TypeScript'
        : ''
      throw new TypeError(
        `entryScript: "${entryScript}" is no TypeScript or JavaScript module, such as score.ts${ofPython}`,
      )
    }
    this.entryScript = entryScript
    this.sourceDirectory = sourceDirectory
    this.sample = sample
    this.definition = definition
  }
}

const known = new Set(['entryScript', 'sourceDirectory', 'sample', 'definition'])
const ofEnvironments = new Set([
  'environment',
  'runtime',
  'condaFile',
  'extraDockerFileSteps',
  'enableGpu',
  'baseImage',
])

function refuseUnknown(parameters: object): void {
  for (const name of Object.keys(parameters)) {
    if (known.has(name)) continue
    const why = ofEnvironments.has(name)
      ? "there is no environment to describe: scripts run on the app's own Node.js, with the packages of its project. Leave it out"
      : `is no parameter; there are: ${[...known].join(', ')}`
    throw new TypeError(`InferenceConfig: ${name}: ${why}`)
  }
}
