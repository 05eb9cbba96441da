import { wait } from './wait.ts'
import type { Webservice } from './webservice.ts'
import { WebserviceError } from './workspace-error.ts'

/** How a deployment is waited for. */
export interface WaitForDeploymentOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds (300,000). */
  readonly timeoutMs?: number | undefined
  /** Prints the states on standard output, as Azure ML does with `show_output`; a function gets the lines instead. */
  readonly showOutput?: boolean | ((line: string) => void) | undefined
}

const deploymentTimeoutMs = 300_000
const deploymentPollMs = 300

/**
 * Waits until the app serves what was deployed.
 *
 * @param notes  printed first
 * @throws WebserviceError when it has failed, or is not served in time
 */
export async function waitForDeployment(
  service: Webservice,
  notes: readonly string[],
  { signal, timeoutMs = deploymentTimeoutMs, showOutput }: WaitForDeploymentOptions,
): Promise<void> {
  const print = typeof showOutput === 'function' ? showOutput : (line: string) => showOutput && console.log(line)
  for (const note of notes) print(note)
  const endsAt = performance.now() + timeoutMs
  for (let shown = ''; ; ) {
    await service.updateDeploymentState({ signal })
    const { state, reason = '' } = service.status
    const line = `${service.name}: ${state}${reason && `: ${reason}`}`
    if (line !== shown) print(line)
    shown = line
    if (state === 'Healthy') return
    if (state === 'Failed' || state === 'Unhealthy')
      throw new WebserviceError(`${service.name} cannot be served: ${reason}`)
    if (performance.now() > endsAt)
      throw new WebserviceError(`${service.name} is not served after ${timeoutMs} ms; its state is ${line}`)
    await wait(deploymentPollMs, signal)
  }
}
