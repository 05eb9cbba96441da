import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import { Host, type HostOptions, type Part } from './host.ts'

export interface HostsOptions extends Omit<HostOptions, 'isSupervised'> {
  readonly count: number
}

/** Several hosts over one storage. Every second one has a supervisor. */
export class Hosts {
  readonly #hosts: readonly Host[]
  pauses = 0
  /** How many threads were to be ended. */
  endedThreads = 0

  constructor({ count, ...options }: HostsOptions) {
    this.#hosts = Array.from({ length: count }, (_, at) => new Host({ ...options, isSupervised: at % 2 === 1 }))
  }

  async start(): Promise<void> {
    await Promise.all(this.#hosts.map(host => host.start()))
  }

  /** @returns how many processes did not end by themselves */
  async stop(): Promise<number> {
    const left = await Promise.all(this.#hosts.map(host => host.stop()))
    return left.reduce((sum, count) => sum + count, 0)
  }

  /** Of processes and of supervisors. */
  get deaths(): number {
    return this.#hosts.reduce((sum, { deaths }) => sum + deaths, 0)
  }

  /** The address of one that lives, or lives again. */
  async anyUrl(dice: Dice): Promise<string> {
    return await dice.oneOf(this.#hosts).url
  }

  kill(dice: Dice, part: Part): void {
    const supervised = this.#hosts.filter((_, at) => at % 2 === 1)
    const host = dice.oneOf(part === 'supervisor' && supervised.length > 0 ? supervised : this.#hosts)
    host.kill(part)
  }

  /** Stands still while its messages come back to others, then goes on as if nothing had happened. */
  async pause(dice: Dice, ms: number): Promise<void> {
    const host = dice.oneOf(this.#hosts)
    this.pauses++
    host.signal('SIGSTOP')
    await delay(ms)
    host.signal('SIGCONT')
  }

  /** Ends a scoring thread or that of the jobs, whatever it is doing. */
  endThread(dice: Dice): void {
    this.endedThreads++
    dice.oneOf(this.#hosts).signal('SIGUSR2')
  }

  /** What they have printed last. */
  get output(): string {
    return this.#hosts.map(({ output }, at) => `--- host ${at}\n${output}`).join('\n')
  }
}
