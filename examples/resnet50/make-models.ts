/**
 * Makes the models of this service: `node examples/resnet50/make-models.ts`.
 *
 * The weights are random, and the same each time: the network computes as much as a trained one, and recognises nothing.
 * Writes <out>/1/featurize.onnx and <out>/1/classify.onnx.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeModelFile } from '../../bench/models/onnx-file.ts'
import {
  classCount,
  fullBlocks,
  fullSide,
  fullWidth,
  resnet50Head,
  resnet50Trunk,
} from '../../bench/models/resnet50.ts'

const help = `node examples/resnet50/make-models.ts [options]

  --out DIR      the service's folder (default: this one)
  --width N      channels of the first layer (default: ${fullWidth}, ResNet-50; 8 computes a fiftieth)
  --side N       pixels of a side of the images, as in decode.ts (default: ${fullSide})
  --blocks LIST  blocks of each stage (default: ${fullBlocks})
  --labels FILE  names of the ${classCount} classes, one a line (default: "class 0", "class 1", ...)
`

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: import.meta.dirname },
    width: { type: 'string', default: String(fullWidth) },
    side: { type: 'string', default: String(fullSide) },
    blocks: { type: 'string', default: String(fullBlocks) },
    labels: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})

function readSize(option: 'width' | 'side' | 'blocks', text: string): number {
  const size = Number(text)
  if (!Number.isInteger(size) || size < 1) throw new Error(`--${option} takes whole numbers from 1, not "${text}"`)
  return size
}

/** @throws Error when there is not one for each class, or two are the same */
async function readLabels(file: string): Promise<string[]> {
  const labels = (await readFile(file, 'utf8')).trim().split(/\r?\n/)
  if (new Set(labels).size !== classCount || labels.length !== classCount)
    throw new Error(`${file} has ${labels.length} lines, ${new Set(labels).size} different; needed are ${classCount}`)
  return labels
}

async function main(): Promise<void> {
  if (values.help) return console.log(help)
  const size = {
    width: readSize('width', values.width),
    side: readSize('side', values.side),
    blocks: values.blocks.split(',').map(text => readSize('blocks', text)),
  }
  const labels = values.labels
    ? await readLabels(values.labels)
    : Array.from({ length: classCount }, (_, index) => `class ${index}`)
  const folder = join(values.out, '1')
  await mkdir(folder, { recursive: true })
  await writeModelFile(join(folder, 'featurize.onnx'), resnet50Trunk(size))
  await writeModelFile(join(folder, 'classify.onnx'), resnet50Head(labels, size))
  console.log(`${join(folder, 'featurize.onnx')}, classify.onnx`)
}

try {
  await main()
} catch (failure) {
  console.error((failure as Error).message)
  process.exitCode = 1
}
