import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type BlobClient, BlobSASPermissions, BlobServiceClient } from '@azure/storage-blob'
import { rootDir } from '../cache.ts'
import { ourHost, primaryKeyOf } from '../http/our-host.ts'
import { ServerProcess } from '../http/server-process.ts'
import type { JobInputFile } from './inputs.ts'

/** Our app on some hosts over one storage. */
export class JobHosts {
  readonly #hosts: readonly ServerProcess[]
  readonly #blobs: BlobServiceClient
  /** Jobs that are looked at: the emulator gets as many looks for several as for one. */
  #running = 0

  private constructor(hosts: readonly ServerProcess[], connectionString: string) {
    this.#hosts = hosts
    this.#blobs = BlobServiceClient.fromConnectionString(connectionString)
  }

  /**
   * @param maxThreads  scoring threads that a service has on each host, at most; absent: as many as the app takes
   * @param services  folder with the services
   */
  static async start(
    connectionString: string,
    hostCount: number,
    maxThreads?: number,
    services = join(rootDir, 'models'),
  ): Promise<JobHosts> {
    const command = ourHost(services)
    const threads = maxThreads === undefined ? {} : { SCORING_MAX_THREADS: String(maxThreads) }
    const env = { ...command.env, ...threads, AzureWebJobsStorage: connectionString }
    const hosts = await Promise.all(Array.from({ length: hostCount }, () => ServerProcess.start({ ...command, env })))
    return new JobHosts(hosts, connectionString)
  }

  /** Where a job finds the file: in the storage, before any time is taken. */
  async upload({ name, path }: JobInputFile): Promise<void> {
    const container = this.#blobs.getContainerClient('input')
    await container.createIfNotExists()
    const blob = container.getBlockBlobClient(name)
    if (!(await blob.exists())) await blob.uploadFile(path, { blockSize: 8 * 2 ** 20 })
  }

  /**
   * @param miniBatchSize  rows of a chunk; undefined: what a job has that says nothing
   * @returns seconds from the submission until its output is there
   */
  async run(
    { service, name, rowCount }: JobInputFile,
    miniBatchSize?: number,
  ): Promise<{ seconds: number; output: string }> {
    const jobId = `bench-${randomUUID()}`
    const startedAt = performance.now()
    this.#running++
    const submission = { jobId, input: { blob: `input/${name}` }, ...(miniBatchSize && { miniBatchSize }) }
    const { output } = (await this.#call(service, '', submission)) as JobStatus
    const outputUrl = await this.#blob(output.blob).generateSasUrl({
      permissions: BlobSASPermissions.from({ read: true }),
      expiresOn: new Date(Date.now() + 86_400_000),
    })
    for (let looks = 0; ; looks++) {
      // Clients are told to ask the host every five seconds, and each answer costs it several calls of the storage. A look costs the
      // emulator a millisecond, which it would take from the job, and the SDK would cost another.
      await delay(50 * this.#running)
      if (looks % 100 < 99 && !(await exists(outputUrl))) continue
      const job = (await this.#call(service, `/${jobId}`)) as JobStatus
      if (job.status === 'Completed') {
        this.#running--
        const seconds = (performance.now() - startedAt) / 1000
        if (job.progress.succeeded !== rowCount) throw new Error(`${jobId}: ${JSON.stringify(job.progress)}`)
        return { seconds, output: job.output.blob }
      }
      if (['Failed', 'Canceled'].includes(job.status)) throw new Error(`${jobId} is ${JSON.stringify(job)}`)
    }
  }

  /** The first host. */
  get port(): number {
    return this.#hosts[0]?.port as number
  }

  /** @param blob  `<container>/<path>` */
  async readOutput(blob: string): Promise<string> {
    return (await this.#blob(blob).downloadToBuffer()).toString()
  }

  #blob(blob: string): BlobClient {
    const slash = blob.indexOf('/')
    return this.#blobs.getContainerClient(blob.slice(0, slash)).getBlobClient(blob.slice(slash + 1))
  }

  /** Most memory that each host has held so far, in MiB (Linux). */
  peakMiB(): Promise<number[]> {
    return Promise.all(
      this.#hosts.map(async ({ pid }) => {
        const status = await readFile(`/proc/${pid}/status`, 'utf8')
        return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
      }),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#hosts.map(host => host.stop()))
  }

  async #call(service: string, path: string, submission?: object): Promise<unknown> {
    const url = `http://127.0.0.1:${this.port}/api/v1/service/${service}/jobs${path}`
    const headers = { authorization: `Bearer ${await primaryKeyOf(service)}`, 'content-type': 'application/json' }
    const body = submission && JSON.stringify(submission)
    const answer = await fetch(url, { headers, ...(body ? { method: 'POST', body } : {}) })
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
}

const agent = new Agent({ keepAlive: true })

function exists(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    request(url, { method: 'HEAD', agent }, response => {
      response.resume()
      resolve(response.statusCode === 200)
    })
      .on('error', reject)
      .end()
  })
}

interface JobStatus {
  readonly status: string
  readonly progress: { readonly succeeded: number }
  readonly output: { readonly blob: string }
}
