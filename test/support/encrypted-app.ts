/** The app with the sample service of encrypted scoring, a storage of its own, and clients of both modes. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { Kernel } from '../../src/encrypted/kernel.ts'
import { GenuineClient } from '../encrypted/support/genuine-client.ts'
import { startStorage } from './azurite-storage.ts'
import type { Cleaner } from './cleaner.ts'
import { type RunningApp, runApp } from './running-app.ts'
import type { ServiceFiles } from './service-folder.ts'

export const encryptedService = 'digits-encrypted'
/** Not the default, so that a name that is written somewhere shows. */
export const keyContainer = 'callers-keys'

interface Job {
  readonly status: string
  readonly progress: { readonly succeeded: number; readonly failed: number; readonly chunks: number }
  readonly output: { readonly blob: string }
}

export interface EncryptedApp {
  readonly app: RunningApp
  /** Connection string. */
  readonly storage: string
  readonly blobs: BlobServiceClient
  readonly kernel: Kernel
  /** `/api/v1/service/digits-encrypted` */
  readonly url: string
  /** @param path  below `/api/v1/service/` */
  call(
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    key?: string | Promise<string>,
  ): Promise<Response>
  /** A client of the original mode whose keys are stored. */
  newClient(seed: number): Promise<GenuineClient>
  /** @returns the ended job, and the lines of its output */
  runJob(submission: object): Promise<{ readonly job: Job; readonly lines: string[] }>
}

/** @param more  files of other services */
export async function runEncryptedApp(cleaner: Cleaner, more: ServiceFiles = {}): Promise<EncryptedApp> {
  const storage = await startStorage(cleaner)
  const blobs = BlobServiceClient.fromConnectionString(storage)
  const kernel = await Kernel.create()
  const folder = `examples/${encryptedService}`
  const app = await runApp(
    cleaner,
    {
      [`${encryptedService}/service.json`]: await readFile(`${folder}/service.json`, 'utf8'),
      [`${encryptedService}/sample.json`]: await readFile(`${folder}/sample.json`, 'utf8'),
      [`${encryptedService}/1/model.onnx`]: await readFile(`${folder}/1/model.onnx`),
      ...more,
    },
    { AzureWebJobsStorage: storage, SCORING_ENCRYPTED_KEYS: keyContainer, SCORING_HOST_QUEUE_MAX_POLLING_MS: '100' },
  )
  assert.deepEqual((await app.settled())[encryptedService]?.status, 'ready', app.output())
  const services = `${app.url}/api/v1/service`
  const call: EncryptedApp['call'] = async (method, path, body, key = app.keyOf(encryptedService)) =>
    fetch(`${services}/${path}`, {
      method,
      body: body ?? null,
      headers: { authorization: `Bearer ${await key}`, 'content-type': 'application/octet-stream' },
    })
  return {
    ...{ app, storage, blobs, kernel, call, url: `${services}/${encryptedService}` },
    newClient: async seed => {
      const client = new GenuineClient(kernel, Buffer.alloc(64, seed), `client ${seed}`)
      const path = `${encryptedService}/encrypted/keys/${client.keyId}`
      const stored = await call('PUT', path, new Uint8Array(client.publicKeys()))
      assert.equal(stored.status, 201, await stored.clone().text())
      assert.deepEqual(await stored.json(), { key_id: client.keyId })
      return client
    },
    runJob: async submission => {
      const submitted = await fetch(`${services}/${encryptedService}/jobs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await app.keyOf(encryptedService)}`, 'content-type': 'application/json' },
        body: JSON.stringify(submission),
      })
      assert.equal(submitted.status, 202, await submitted.clone().text())
      const { jobId } = (await submitted.json()) as { jobId: string }
      for (;;) {
        const job = (await (await call('GET', `${encryptedService}/jobs/${jobId}`)).json()) as Job
        if (job.status === 'Completed') {
          const [container = '', ...path] = job.output.blob.split('/')
          const output = await blobs.getContainerClient(container).getBlobClient(path.join('/')).downloadToBuffer()
          return { job, lines: output.toString().trimEnd().split('\n') }
        }
        assert.match(job.status, /^(NotStarted|Running|Finalizing)$/, JSON.stringify(job))
        await delay(50)
      }
    },
  }
}
