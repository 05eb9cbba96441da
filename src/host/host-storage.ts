/**
 * Azure's SDKs for storage and identities, as far as this host uses them. A bundle of its own, so that only an app with such
 * triggers reads it.
 */
export { openCredential } from './azure-credential.ts'
export { openAzureBlobs } from './blob/azure-blobs.ts'
export { openAzureQueue } from './queue/azure-queue.ts'
