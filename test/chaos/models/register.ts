/** Registers versions until it is killed. */
import { openRepository } from '../../../src/adapters/azure/open-repository.ts'
import { ModelRegistry } from '../../../src/models/repository/model-registry.ts'

const [location = '', connectionString] = process.argv.slice(2)
const files = await openRepository(location, { connectionString: connectionString || undefined, isDevelopment: true })
const registry = new ModelRegistry({ files, now: () => new Date() })
const content = new Uint8Array(300_000).fill(7)
console.log('begun')
for (;;) await registry.register('killed', { files: { 'model.onnx': content, 'model.onnx.data': content } })
