/** The package of an app that serves models, as Azure ML's `ModelPackage`. */
import type { InferenceConfig } from './inference-config.ts'
import type { Model } from './model.ts'
import { WorkspaceError } from './workspace-error.ts'

/** What a package is called and where it runs. */
export interface PackageParameters {
  /** Name of the service in it, and of the zip file; default: the name of the first model. */
  readonly imageName?: string | undefined
  /** Whether `save` writes a Dockerfile beside the zip file, which makes a container image of it. */
  readonly generateDockerfile?: boolean | undefined
  /** Processor of the machine that it runs on; default: `x64`. */
  readonly arch?: 'x64' | 'arm64' | undefined
  /** Folder of the project whose app is packaged; default: that of the workspace, or the one of the working directory. */
  readonly project?: string | undefined
}

/** What `Model.package` hands to the workspace. */
export interface PackageRequest extends PackageParameters {
  readonly models: readonly Model[]
  readonly inferenceConfig: InferenceConfig
  /** Takes a line for each step. */
  readonly report: (line: string) => void
}

/** A package that is made. */
export interface PackageFile {
  /** Path of the zip file. */
  readonly location: string
  /** Copies it into a folder, which is made, with a Dockerfile where one was asked for. */
  save(folder: string): Promise<void>
}

const known = ['imageName', 'generateDockerfile', 'arch', 'project']

/** @throws TypeError naming a parameter that means nothing here */
export function checkPackageParameters(parameters: PackageParameters): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (known.includes(name) || value === undefined) continue
    const why =
      name === 'imageLabel'
        ? 'a zip file has no label; make it part of imageName'
        : `is no parameter; there are: ${known.join(', ')}`
    throw new TypeError(`Model.package: ${name}: ${why}`)
  }
}

/** `Running` while it is made. */
export type PackageState = 'Running' | 'Succeeded' | 'Failed'

/** A zip file that Azure Functions runs: the app of a project with one service of the models. */
export class ModelPackage {
  readonly #making: Promise<PackageFile>
  readonly #lines: string[] = []
  readonly #listeners = new Set<(line: string) => void>()
  #state: PackageState = 'Running'
  #location: string | undefined

  /**
   * `Model.package` is the way to get a package.
   *
   * @param make  makes the zip file, and says what it does
   * @internal
   */
  constructor(make: (report: (line: string) => void) => Promise<PackageFile>) {
    const report = (line: string) => {
      this.#lines.push(line)
      for (const listener of this.#listeners) listener(line)
    }
    this.#making = make(report).then(
      file => {
        this.#location = file.location
        this.#state = 'Succeeded'
        return file
      },
      failure => {
        this.#state = 'Failed'
        report(failure instanceof Error ? failure.message : String(failure))
        throw failure
      },
    )
    this.#making.catch(() => {}) // those who wait get it
  }

  /** `Running`, `Succeeded` or `Failed`; `waitForCreation` throws the reason. */
  get state(): PackageState {
    return this.#state
  }

  /** Path of the zip file; undefined until it is made. */
  get location(): string | undefined {
    return this.#location
  }

  /**
   * Waits until the package is made.
   *
   * @param options  `showOutput`: true prints what is done; a function gets the lines
   * @throws WorkspaceError with the reason why it cannot be made
   */
  async waitForCreation({
    showOutput = false,
  }: {
    readonly showOutput?: boolean | ((line: string) => void)
  } = {}): Promise<void> {
    const listener = showOutput === true ? console.log : showOutput || (() => {})
    for (const line of this.#lines) listener(line)
    this.#listeners.add(listener)
    try {
      await this.#making
    } finally {
      this.#listeners.delete(listener)
    }
  }

  /** What was done to make it, line by line. */
  getLogs(): string {
    return this.#lines.map(line => `${line}\n`).join('')
  }

  /**
   * Copies the zip file into a folder, which is made; with `generateDockerfile` also a Dockerfile, so that `docker build` makes an
   * image of the folder.
   */
  async save(outputDirectory: string): Promise<void> {
    await (await this.#making).save(outputDirectory)
  }

  /** Not here: a package is a file, and lies in no registry. @throws WorkspaceError always */
  pull(): never {
    throw new WorkspaceError('pull: a package is a zip file, not an image in a registry; save copies it')
  }

  /** Not here: a package is a file, and lies in no registry. @throws WorkspaceError always */
  getContainerRegistry(): never {
    throw new WorkspaceError(
      'getContainerRegistry: a package is a zip file, not an image in a registry; location is its path',
    )
  }
}
