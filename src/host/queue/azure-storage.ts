/** Everything of the host that needs Azure's SDKs for storage; a bundle of its own, loaded by `open-storage.ts`. */
export { openAzureQueue } from './azure-queue.ts'
