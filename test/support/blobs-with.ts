import { gunzipSync } from 'node:zlib'
import { type ContainerClient, RestError } from '@azure/storage-blob'

/** Names of the blobs that contain a text, as they are or unpacked. The app may remove some of them meanwhile. */
export async function findBlobsWith(container: ContainerClient, text: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of container.listBlobsFlat()) {
    const content = await container.getBlobClient(name).downloadToBuffer().catch(ignoreRemoved)
    const isPacked = content?.[0] === 0x1f && content[1] === 0x8b
    if ((isPacked ? gunzipSync(content) : content)?.includes(text)) names.push(name)
  }
  return names
}

function ignoreRemoved(failure: unknown): undefined {
  if (!(failure instanceof RestError && failure.statusCode === 404)) throw failure
}
