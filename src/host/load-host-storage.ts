import type { OutputStorage } from './app/output-bindings.ts'

/** Loads Azure's SDKs for storage, in a bundle of their own, so that only an app that uses them pays for it. */
export async function loadHostStorage(): Promise<typeof import('./host-storage.ts')> {
  const file = import.meta.url.endsWith('.ts') ? './host-storage.ts' : './host-storage.cjs'
  return import(new URL(file, import.meta.url).href)
}

/** @param onSent  called with the name of a queue that has got a message */
export async function openOutputStorage(onSent: (queueName: string) => void): Promise<OutputStorage> {
  const { openAzureBlobs, openAzureQueue } = await loadHostStorage()
  return {
    async sendToQueue(account, queueName, text) {
      await openAzureQueue(account, queueName).send(text)
      onSent(queueName)
    },
    writeBlob: (account, { container, name }, content) => openAzureBlobs(account).write(container, name, content),
  }
}
