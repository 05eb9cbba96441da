import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { activePlace, placeOf, resultPlace } from '../../src/jobs/job-layout.ts'
import { JobWorld, jobId, outputBlob } from './model/job-world.ts'
import { type RowKind, type Scenario, scenarios } from './model/scenario.ts'

const runs = Number(process.env.JOB_MODEL_RUNS ?? 400)

describe('the steps of jobs, whatever breaks', () => {
  it(`commit every row of the input once, in order, or say why not (${runs} runs)`, {
    timeout: 6_000_000,
  }, async () => {
    const seen: Record<string, number> = {}
    await fc.assert(
      fc.asyncProperty(scenarios, async scenario => {
        const world = new JobWorld(scenario, inputOf(scenario))
        await world.run()
        const what = checkEnd(world)
        seen[what] = (seen[what] ?? 0) + 1
      }),
      { numRuns: runs, ...(process.env.JOB_MODEL_SEED && { seed: Number(process.env.JOB_MODEL_SEED) }) },
    )
    if (process.env.JOB_MODEL_RUNS) console.log(seen)
  })
})

function inputOf({ rows, inputFormat }: Scenario): string {
  if (inputFormat === 'csv') {
    const lines = rows.map((kind, id) => (kind === 'broken' ? `${id}\n` : `${id},${kind}\n`))
    return `id,kind\n${lines.join('')}`
  }
  return rows.map((kind, id) => (kind === 'broken' ? '{oops\n' : `${JSON.stringify({ id, kind })}\n`)).join('')
}

interface OutputRow {
  readonly index: number
  readonly prediction: string | undefined
  readonly code: string | undefined
}

/** Read by other readers than ours. */
function readOutput(text: string, format: Scenario['outputFormat']): OutputRow[] {
  if (format === 'csv') {
    const records = parse(text, { columns: true }) as Record<string, string>[]
    return records.map(({ index, prediction, error_code }) => ({
      index: Number(index),
      prediction: error_code ? undefined : prediction,
      code: error_code || undefined,
    }))
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const { index, error } = JSON.parse(line) as { index: number; error?: { code: string } }
      const prediction = /^\{"index": \d+, "prediction": (.*)\}$/.exec(line)?.[1]
      return { index, prediction, code: error?.code }
    })
}

const codesOf: Record<RowKind, readonly (string | undefined)[]> = {
  ok: [undefined],
  fails: ['MODEL_RUN_FAILED'],
  poison: ['ROW_ENDED_PROCESS'],
  broken: ['ROW_NOT_JSON', 'ROW_RAGGED'],
}

/** @returns in a word what came of the job */
function checkEnd(world: JobWorld): string {
  const { scenario, state, store, done } = world
  assert.ok(state)
  assert.equal(store.text(activePlace(jobId)), undefined, 'no longer active')
  const output = store.text(placeOf(outputBlob))
  const isOurs = output !== undefined && output !== 'written by somebody else'
  assert.equal(isOurs, state.status === 'Completed', `${state.status} with output ${output}`)
  const wrongs =
    scenario.rows.filter(kind => kind !== 'ok').length + world.beginnings.size + world.poisonedChunks.length * 4
  const { code } = state.error ?? {}
  if (state.status === 'Canceled') assert.ok(done.cancels > 0)
  if (code === 'ERROR_THRESHOLD_EXCEEDED') {
    assert.ok(scenario.errorThreshold >= 0 && wrongs > scenario.errorThreshold)
  } else if (code === 'OUTPUT_EXISTS') assert.ok(done.foreign > 0)
  else if (code === 'INPUT_CHANGED') assert.ok(done.inputChanges > 0)
  else if (code === 'JOB_POISONED') assert.ok(world.poisonedOthers >= 3)
  else assert.equal(code, undefined)
  if (!isOurs) return code ?? state.status
  const innocent = checkOutput(world, readOutput(output, scenario.outputFormat))
  return `Completed${innocent}`
}

function checkOutput(world: JobWorld, rows: readonly OutputRow[]): string {
  const { scenario, state, store } = world
  let harmed = ''
  assert.deepEqual(
    rows.map(({ index }) => index),
    scenario.rows.map((_, index) => index),
    'every row once, in order',
  )
  for (const { index, prediction, code } of rows) {
    const kind = scenario.rows[index] as RowKind
    if (codesOf[kind].includes(code)) {
      if (kind === 'ok') assert.equal(prediction, `[${index}.50, "of, \\"${index}\\""]`)
      continue
    }
    // The price of a promise: who is killed three times at the very same row alone takes the row for the cause.
    const chunk = Math.floor(index / scenario.miniBatchSize)
    if (code === 'ROW_ENDED_PROCESS') {
      const name = `/${String(chunk).padStart(7, '0')}/begun-${index % scenario.miniBatchSize}-`
      const begun = [...world.beginnings].find(([row]) => row.includes(name))?.[1] ?? 0
      assert.ok(
        begun >= 3 && world.done.kills + world.done.faults >= 2,
        `row ${index} (${kind}) is guilty after ${begun}`,
      )
      harmed = ', innocent row after three kills'
    } else {
      assert.equal(code, 'CHUNK_POISONED', `row ${index} (${kind})`)
      assert.ok(world.poisonedChunks.filter(each => each === chunk).length >= 3)
      harmed = ', chunk given up'
    }
  }
  const failed = rows.filter(({ code }) => code !== undefined).length
  assert.ok(scenario.errorThreshold < 0 || failed <= scenario.errorThreshold)
  const chunks = Math.ceil(rows.length / scenario.miniBatchSize)
  const counts = { rows: rows.length, succeeded: rows.length - failed, failed, chunks }
  assert.deepEqual(state?.progress, { ...counts, chunksDone: chunks, percent: 100 })
  const result = JSON.parse(store.text(resultPlace(jobId)) as string) as Record<string, unknown>
  assert.deepEqual({ ...result, ...counts }, result)
  return harmed
}
