/** Takes the events of jobs that have ended, at a web address and from a queue. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { makeCertificates, noOpenssl } from '../../host/certificates.ts'
import type { Cleaner } from '../../support/cleaner.ts'
import type { Dice } from './dice.ts'
import type { TrueStorage } from './true-storage.ts'

/** A CloudEvent as it came. */
export interface ReceivedEvent {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly subject: string
  readonly data: {
    readonly jobId: string
    readonly status: string
    readonly progress: object
    readonly error?: { readonly code: string }
  }
}

export class EventReceiver {
  readonly #storage: TrueStorage
  readonly #received: ReceivedEvent[] = []
  #address: string | undefined
  #certificate: string | undefined

  constructor(storage: TrueStorage) {
    this.#storage = storage
  }

  /** Takes events at an address, where the machine can make a certificate. @param dice  by which some are refused */
  async listen(dice: Dice, test: Cleaner): Promise<void> {
    if (noOpenssl) return
    const { cert, key } = makeCertificates(test)
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) } satisfies ServerOptions)
    server.on('request', async (request, response) => {
      const fate = dice.oneOf(['taken', 'taken', 'taken', 'refused', 'lost'] as const)
      const event = (await json(request).catch(() => undefined)) as ReceivedEvent | undefined
      if (fate === 'refused' || !event) return response.writeHead(503).end()
      this.#received.push(event)
      if (fate === 'lost') response.destroy()
      else response.writeHead(202).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    this.#address = `localhost:${(server.address() as AddressInfo).port}`
    this.#certificate = cert
  }

  /** Undefined: there is no such address. */
  get url(): string | undefined {
    return this.#address && `https://${this.#address}/ended`
  }

  /** Settings of the hosts. */
  get environment(): Record<string, string> {
    if (this.#address === undefined || this.#certificate === undefined) return {}
    return { SCORING_JOB_EVENT_HOSTS: this.#address, NODE_EXTRA_CA_CERTS: this.#certificate }
  }

  /** All that has come so far, each as often as it came. */
  async receive(): Promise<readonly ReceivedEvent[]> {
    for (const text of await this.#storage.receive('job-events')) this.#received.push(JSON.parse(text))
    return this.#received
  }
}
