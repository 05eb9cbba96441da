/** `node test/jobs/one-fault/try-all.ts [text in the name of a scene]`: tries each fault at each call of small jobs. */
import assert from 'node:assert/strict'
import { type Fault, type FaultKind, faultKinds, OneFaultWorld } from './one-fault-world.ts'
import { type Scene, scenes } from './scenes.ts'

interface Outcome {
  readonly scene: string
  /** Calls of the job without a fault. */
  readonly calls: number
  /** Faults that were tried. */
  readonly faults: number
  readonly failures: readonly string[]
}

/** Whether the fault differs from another one there. */
function isPossible(kind: FaultKind, call: string | undefined): boolean {
  const [name = ''] = call?.split(' ') ?? []
  if (kind === 'comes twice') return name === 'delete'
  if (kind === 'is repeated')
    return ['send', 'hold', 'sendEvent', 'remove', 'stageBlock', 'commitBlocks'].includes(name)
  if (kind === 'fails before') return name !== 'delete'
  // What only reads is the same before and after.
  const isRead = ['head', 'read', 'readWhole', 'list', 'score'].includes(name)
  return kind === 'dies before' || (kind === 'dies after' ? !isRead : !isRead && name !== 'delete')
}

async function tryAll(scene: Scene): Promise<Outcome> {
  const usual = new OneFaultWorld(scene)
  const outputs = await usual.run()
  if (scene.predictions && scene.status === 'Completed') assert.deepEqual(predictionsOf(outputs), scene.predictions)
  const failures: string[] = []
  let faults = 0
  for (const kind of faultKinds) {
    // With the fault the calls may be in another order, or more.
    for (let at = 0; at < usual.calls.length; at++) {
      if (!isPossible(kind, usual.calls[at])) continue
      faults++
      const failure = await tryOne(scene, { at, kind }, outputs)
      if (failure !== undefined) failures.push(`${kind}: ${at} ${usual.calls[at]}: ${failure}`)
    }
  }
  return { scene: scene.name, calls: usual.calls.length, faults, failures }
}

/** @returns why the job did not end as without the fault */
async function tryOne(
  scene: Scene,
  fault: Fault,
  outputs: readonly (string | undefined)[],
): Promise<string | undefined> {
  const world = new OneFaultWorld(scene, fault)
  try {
    assert.deepEqual(await world.run(), outputs)
    return undefined
  } catch (failure) {
    return `${(failure as Error).message.split('\n')[0]} (was at ${world.calls[fault.at]})`
  }
}

/** Predictions by the lines of the outputs, whose indexes count the rows of each. */
function predictionsOf(outputs: readonly (string | undefined)[]): string[] {
  return outputs.flatMap((text = '', output) => {
    const isCsv = text.startsWith('index,')
    const lines = text.split('\n').slice(isCsv ? 1 : 0, -1)
    return lines.map((line, index) => {
      const pattern = isCsv ? /^(\d+),(.*),,$/ : /^\{"index": (\d+), (?:"file": "[^"]*", )?"prediction": (.*)\}$/
      const [, row, prediction = ''] = pattern.exec(line) ?? assert.fail(`${output}: ${line}`)
      if (!line.includes('"file"')) assert.equal(Number(row), index)
      return prediction
    })
  })
}

const [part = ''] = process.argv.slice(2)
const startedAt = performance.now()
const outcomes: Outcome[] = []
for (const scene of scenes.filter(({ name }) => name.includes(part))) outcomes.push(await tryAll(scene))
const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, each) => total + of(each), 0)
const summary = {
  scenes: outcomes.length,
  calls: sum(({ calls }) => calls),
  faults: sum(({ faults }) => faults),
  failed: sum(({ failures }) => failures.length),
  seconds: Math.round((performance.now() - startedAt) / 1000),
}
console.log(JSON.stringify({ ...summary, outcomes }, null, 2))
