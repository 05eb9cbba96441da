import assert from 'node:assert/strict'
import { parse } from 'csv-parse/sync'
import { finalCountsBlob, parseBlobReference } from '../../../src/jobs/layout.ts'
import { folder, inputName, type JobWorld, outputName } from './job-world.ts'
import { filesOf, placeOf, type RowKind, type Scenario } from './scenario.ts'
import { foreignText } from './users.ts'

interface OutputRow {
  readonly index: number
  /** Undefined: the line names none. */
  readonly file: string | undefined
  readonly prediction: string | undefined
  readonly code: string | undefined
}

/** Parses the output without the app's own code. */
function readOutput(text: string, format: Scenario['outputFormat']): OutputRow[] {
  if (format === 'csv') {
    const records = parse(text, { columns: true }) as Record<string, string>[]
    return records.map(({ index, file, prediction, error_code }) => ({
      index: Number(index),
      file,
      prediction: error_code ? undefined : prediction,
      code: error_code || undefined,
    }))
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const { index, file, error } = JSON.parse(line) as { index: number; file?: string; error?: { code: string } }
      const prediction = /^\{"index": \d+, (?:"file": "[^"]*", )?"prediction": (.*)\}$/.exec(line)?.[1]
      return { index, file, prediction, code: error?.code }
    })
}

/** Reads all outputs, with the places of the rows in the whole input. */
function readOutputs(outputs: readonly string[], scenario: Scenario): OutputRow[] {
  const { files, outputFormat } = scenario
  const firsts = filesOf(scenario).map((_, file, all) => all.slice(0, file).flat().length)
  return outputs.flatMap((text, output) => {
    return readOutput(text, outputFormat).map(row => {
      const isNamed = files !== undefined && !files.isPerFile
      const file = isNamed ? firsts.findIndex((_, at) => inputName(at) === row.file) : output
      assert.equal(row.file, isNamed ? inputName(file) : undefined)
      return { ...row, index: row.index + (firsts[file] as number) }
    })
  })
}

const codesOf: Record<RowKind, readonly (string | undefined)[]> = {
  ok: [undefined],
  fails: ['MODEL_RUN_FAILED'],
  poison: ['ROW_ENDED_PROCESS'],
  broken: ['ROW_NOT_JSON', 'ROW_RAGGED'],
}

/** Checks the outcome. @returns labels of the outcome, and of the paths that led to it */
export function checkEnd(world: JobWorld): string[] {
  const { scenario, state, store, host, fates, seen } = world
  assert.ok(state)
  assert.ok(!world.isActive)
  const outputCount = scenario.files?.isPerFile ? scenario.files.count : 1
  const outputs = Array.from({ length: outputCount }, (_, at) => store.text(parseBlobReference(outputName(at))))
  const isWritten = (text: string | undefined): text is string => text !== undefined && text !== foreignText
  const isOurs = outputs.every(isWritten)
  // Outputs of some files may be there before that of another one is refused.
  if (!isOurs && state.error?.code !== 'OUTPUT_EXISTS') assert.ok(!outputs.some(isWritten))
  // One of two finishers saw the foreign output and the other saw it gone: the output is right, though the job has failed.
  const isLate = isOurs && state.error?.code === 'OUTPUT_EXISTS' && scenario.intruder?.leavesAt !== undefined
  assert.equal(isOurs, state.status === 'Completed' || isLate, `${state.status} with output ${outputs}`)
  // Each of these may add one message beyond the window.
  const extra = fates.faults + host.redeliveries + host.mishaps + seen.sent.filter(each => each.isRevival).length
  // A planner that finds no sign that the first chunks have their messages sends them again.
  const first = scenario.window * Math.max(1, seen.planners)
  assert.ok(seen.waitingChunks <= first + extra, `${seen.waitingChunks} messages at a time`)
  const { code } = state.error ?? {}
  if (state.status === 'Canceled') assert.ok(seen.cancels > 0)
  if (code === 'ERROR_THRESHOLD_EXCEEDED') {
    assert.ok(scenario.errorThreshold >= 0 && maxFailedRows(world) > scenario.errorThreshold)
  } else if (code === 'OUTPUT_EXISTS') assert.ok(seen.intruders > 0)
  else if (code === 'INPUT_CHANGED') assert.ok(seen.inputChanges > 0)
  else if (code === 'JOB_POISONED') assert.ok(host.poisonedOthers >= 3)
  else assert.equal(code, undefined)
  const damaged = isOurs ? checkOutput(world, readOutputs(outputs, scenario)) : []
  if (isOurs && !isLate) checkCounts(world, readOutputs(outputs, scenario))
  return [code ?? state.status, ...(isLate ? ['output of a failed job'] : damaged), ...pathsOf(world)]
}

function checkOutput(world: JobWorld, rows: readonly OutputRow[]): string[] {
  const { scenario } = world
  const damaged = new Set<string>()
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
    // A row whose process is killed three times while it is scored alone is taken for the culprit.
    const { chunk, row } = placeOf(scenario, index)
    if (code === 'ROW_ENDED_PROCESS') {
      const count = world.suspicions.of(chunk, row)
      assert.ok(count >= 3, `row ${index} (${kind}) is the culprit after ${count}`)
      damaged.add('other row that was killed three times')
    } else {
      assert.equal(code, 'CHUNK_POISONED', `row ${index} (${kind})`)
      assert.ok(world.host.poisonedChunks.filter(each => each === chunk).length >= 3)
      damaged.add('chunk that was given up')
    }
  }
  return [...damaged]
}

/** Checks that the job's progress agrees with its output. */
function checkCounts({ scenario, state, store }: JobWorld, rows: readonly OutputRow[]): void {
  const failed = rows.filter(({ code }) => code !== undefined).length
  assert.ok(scenario.errorThreshold < 0 || failed <= scenario.errorThreshold)
  const chunks = filesOf(scenario).reduce((sum, each) => sum + Math.ceil(each.length / scenario.miniBatchSize), 0)
  const counts = { rows: rows.length, succeeded: rows.length - failed, failed, chunks }
  const count = scenario.files?.count
  const files = count === undefined ? {} : { files: count, filesDone: count }
  assert.deepEqual(state?.progress, { ...counts, chunksDone: chunks, percent: 100, ...files })
  const result = JSON.parse(store.text(finalCountsBlob(folder)) as string) as Record<string, unknown>
  assert.deepEqual({ ...result, ...counts }, result)
}

/** Most rows that may have failed. */
function maxFailedRows({ scenario, suspicions, host }: JobWorld): number {
  return scenario.rows.filter((kind, index) => {
    const { chunk, row } = placeOf(scenario, index)
    return kind !== 'ok' || suspicions.of(chunk, row) >= 3 || host.poisonedChunks.includes(chunk)
  }).length
}

/** Labels of the code paths that a scenario has reached. */
function pathsOf({ store, host, fates, seen }: JobWorld): string[] {
  const names = store.names()
  const paths = {
    isolated: names.some(name => name.includes('/careful/')),
    joined: names.some(name => name.includes('/joined/')),
    'several files': names.some(name => name.includes('/files-')),
    'several outputs': names.some(name => name.includes('/written/')),
    'several parts': names.some(name => name.includes('/plan/0000001')),
    redelivered: seen.sent.some(({ isRevival }) => isRevival),
    swept: names.includes('jobs/service/job/sweep.json'),
    'poisoned chunk': host.poisonedChunks.length > 0,
    'poisoned split or finish': host.poisonedOthers > 0,
    killed: fates.kills > 0,
  }
  return Object.entries(paths).flatMap(([path, isReached]) => (isReached ? [`path: ${path}`] : []))
}
