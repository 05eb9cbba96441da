/** Registers versions, and deploys services with scripts, until it is killed. */
import { openRepository } from '../../../src/adapters/azure/open-repository.ts'
import { ModelRegistry } from '../../../src/models/repository/model-registry.ts'
import { ServiceRegistry } from '../../../src/models/repository/service-registry.ts'

const [location = '', connectionString] = process.argv.slice(2)
const files = await openRepository(location, { connectionString: connectionString || undefined, isDevelopment: true })
const registry = new ModelRegistry({ files, now: () => new Date() })
const services = new ServiceRegistry(files)
const content = new Uint8Array(300_000).fill(7)
console.log('begun')
for (let round = 0; ; round++) {
  await registry.register('killed', { files: { 'model.onnx': content, 'model.onnx.data': content } })
  const mark = `${process.pid} ${round}`
  const part = `export const mark = '${mark}' // ${'x'.repeat(50_000)}\n`
  const script = `import { mark } from './part.js'\nexport const init = () => {}\nexport const run = () => mark\n`
  const definition = { description: mark, entryScript: 'score.js' }
  await services.put('killed', { definition, files: { 'score.js': script, 'part.js': part } })
}
