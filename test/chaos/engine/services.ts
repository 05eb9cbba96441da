/** Services that scripts of their own can bring down, and two of the samples. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeModel } from '../../support/onnx-writer.ts'
import type { ServiceFiles } from '../../support/service-folder.ts'

const samples = join(import.meta.dirname, '../../../models')

/** What a poisoned request does to the thread that runs it. */
export const poisons = ['exit', 'throw', 'eat', 'loop'] as const
export type Poison = (typeof poisons)[number]

/** One request a run: `{"id": 7}` is answered 22, after a wait now and then. */
const alone = `
  export const init = () => {}
  export async function run(text) {
    const { id, poison } = JSON.parse(text)
    if (poison === 'exit') process.exit(1)
    if (poison === 'throw') {
      setTimeout(() => { throw new Error('poison') })
      await new Promise(() => {})
    }
    for (const eaten = []; poison === 'eat'; ) eaten.push(new Array(10_000).fill(id))
    while (poison === 'loop');
    if (id % 8 === 0) await new Promise(resolve => setTimeout(resolve, 2))
    return id * 3 + 1
  }`

/** Rows of many requests in one run; a row that begins with -1 ends the thread, and the runs of its neighbours. */
const mark = `
  import { tensor } from 'scoring-functions'
  export const input = tensor([[1, 2]], 'float32')
  export function run({ data }) {
    for (let at = 0; at < data.data.length; at += 2) if (data.data[at] === -1) process.exit(1)
    return data
  }`
const negate = writeModel({
  nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
  inputs: [['x', 'float32', ['batch', 2]]],
  outputs: [['y', 'float32', ['batch', 2]]],
})

export async function chaosServices(): Promise<ServiceFiles> {
  return {
    ...(await sample('diabetes')),
    ...(await sample('digits')),
    'alone/service.json': { entryScript: 'score.js', limits: { timeoutMs: 4000, maxMemoryMb: 96 } },
    'alone/score.js': alone,
    'joined/service.json': {
      models: { negate: { path: 'negate.onnx' } },
      stages: [{ script: 'mark.js' }, { model: 'negate' }],
      batching: { rowsAreIndependent: true },
    },
    'joined/mark.js': mark,
    'joined/negate.onnx': negate,
  }
}

async function sample(service: string): Promise<ServiceFiles> {
  const entries = await readdir(join(samples, service), { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const contents = await Promise.all(
    files.map(async file => [file.slice(samples.length + 1), await readFile(file)] as const),
  )
  return Object.fromEntries(contents)
}
