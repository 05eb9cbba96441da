/** Connects Azure's storage clients. A bundle of its own, so that the start of the app and scoring do not read its code. */
import type { TokenCredential } from '@azure/identity'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import type { BlobStore } from '../../jobs/blob-store.ts'
import { AzureBlobStore } from './azure-blob-store.ts'
import { azureCredential } from './azure-credential.ts'
import { AzureMessageQueues } from './azure-message-queues.ts'
import type { Storage } from './open-storage.ts'
import type { BlobsAddress } from './repository-address.ts'
import type { StorageAddress } from './storage-address.ts'
import { clientOptions, type StorageCallOptions, usualCalls } from './storage-calls.ts'

export { azureCredential }

/** Sends no request yet. */
export async function connectStorage(
  address: StorageAddress,
  calls: StorageCallOptions = usualCalls,
): Promise<Storage> {
  if ('connectionString' in address) {
    const queues = QueueServiceClient.fromConnectionString(address.connectionString, clientOptions(calls))
    return { blobs: await connectBlobs(address, calls), queues: new AzureMessageQueues(queues, calls) }
  }
  const credential = await azureCredential(address.isDevelopment, address.clientId)
  const queues = new QueueServiceClient(address.queueUrl, credential, clientOptions(calls))
  return { blobs: await connectBlobs(address, calls, credential), queues: new AzureMessageQueues(queues, calls) }
}

/** The blobs of an account alone. Sends no request yet. @param credential  absent: as the address says */
export async function connectBlobs(
  address: BlobsAddress,
  calls: StorageCallOptions = usualCalls,
  credential?: TokenCredential,
): Promise<BlobStore> {
  const options = clientOptions(calls)
  const service =
    'connectionString' in address
      ? BlobServiceClient.fromConnectionString(address.connectionString, options)
      : new BlobServiceClient(
          address.blobUrl,
          credential ?? (await azureCredential(address.isDevelopment, address.clientId)),
          options,
        )
  return new AzureBlobStore({ service, calls })
}
