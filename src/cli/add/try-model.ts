/** Scores with a model before it is a service: with rows that are made up, and with a script that is written for it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { ReadService } from '../../compose/open-service.ts'
import { StartupError } from '../../errors.ts'
import { ServiceDefinition } from '../../models/definition/definition.ts'
import { readTypicalValues } from '../../models/graph/typical-values.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { LocalService } from '../local-service.ts'
import type { FoundModel } from './find-model.ts'
import { makeBodies, type SampleBody } from './sample-body.ts'
import { writeScript } from './script-template.ts'

/** A request that was scored, and its answer as JSON text. */
export interface Sample {
  readonly body: string
  readonly rowCount: number | undefined
  readonly answer: string
}

export interface TriedModel {
  readonly report: LoadReport
  readonly sample: Sample | undefined
  readonly whyNoSample: string | undefined
  /** Tensors of the sample. */
  readonly made: SampleBody | undefined
}

/** Loads the model where it lies, and looks for rows that it can score. */
export async function tryModel({ path, model }: FoundModel, name: string): Promise<TriedModel> {
  let log = ''
  const service = await LocalService.load(inMemory(name, { path }), line => {
    log += `${line}\n`
  })
  try {
    const { report } = service
    const { inputs } = report
    let whyNoSample = 'a row has too many values to be written down'
    for (const made of makeBodies({ inputs, typical: readTypicalValues(model), hasRecords: false })) {
      const answer = await service.score(Buffer.from(made.body), 'application/json')
      const text = answer.body.toString()
      if (answer.status === 200)
        return {
          report,
          sample: { body: made.body, rowCount: made.rowCount, answer: text },
          whyNoSample: undefined,
          made,
        }
      await setImmediate() // the lines of the failure arrive
      const cause = [...log.matchAll(/caused by: (?:\w*Error: )?(.*)/g)].at(-1)?.[1]
      whyNoSample = `no made-up row could be scored: ${cause ?? JSON.parse(text).message}`
    }
    return { report, sample: undefined, whyNoSample, made: undefined }
  } finally {
    await service.stop()
  }
}

/** Writes the script to a temporary folder, and scores with it. */
export async function tryScript(
  name: string,
  { path, model }: FoundModel,
  { report, made }: TriedModel,
): Promise<{ text: string; sample: Sample; report: LoadReport }> {
  if (!made)
    throw new StartupError(
      '--script needs rows that can be scored, and none could be made up; add the model without it',
    )
  const bodies = makeBodies({ inputs: report.inputs, typical: readTypicalValues(model), hasRecords: true })
  const text = writeScript({ service: name, inputs: report.inputs, outputs: report.outputs, feeds: made.feeds })
  const folder = await mkdtemp(join(tmpdir(), 'scoring-add-'))
  try {
    const script = join(folder, 'score.ts')
    await writeFile(script, text)
    const service = await LocalService.load(inMemory(name, { path, script }))
    try {
      for (const { body, rowCount } of bodies) {
        const answer = await service.score(Buffer.from(body), 'application/json')
        if (answer.status !== 200) continue
        return { text, sample: { body, rowCount, answer: answer.body.toString() }, report: service.report }
      }
      throw new Error(`the script that was made for "${name}" does not score`)
    } finally {
      await service.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A service that has no files yet but its model. */
function inMemory(name: string, { path, script }: { path: string; script?: string }): ReadService {
  const definition = ServiceDefinition.parse(script === undefined ? {} : { entryScript: 'score.ts' })
  return {
    kind: 'readable',
    name,
    definition,
    documents: {},
    spec: {
      service: name,
      definition,
      definitionDigest: '',
      models: [{ name, path, sha256: undefined }],
      version: undefined,
      versions: [],
      folder: dirname(path),
      modelDir: dirname(path),
      entryScript: script,
      stages: undefined,
      sample: undefined,
    },
  }
}
