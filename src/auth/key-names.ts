/** Which of a service's two keys. */
export type KeySlot = 'primary' | 'secondary'

/** Azure ML's rule for the name of a web service; every such name is legal in the name of a secret. */
const serviceName = /^[a-z][-a-z0-9]{1,30}[a-z0-9]$/

/**
 * The name of the secret that holds a key, e.g. `iris-primary-key`.
 *
 * @throws Error when `service` is no name of a service
 */
export function keySecretName(service: string, slot: KeySlot): string {
  if (!serviceName.test(service)) {
    throw new Error(`"${service}" is no service name: 3 to 32 lower-case letters, digits and "-", a letter first`)
  }
  return `${service}-${slot}-key`
}

/**
 * Azure ML's clients write `Primary` and `Secondary`, its REST interface and this project's files the lower case.
 *
 * @throws Error when it is neither
 */
export function parseKeySlot(text: string): KeySlot {
  const slot = text.toLowerCase()
  if (slot !== 'primary' && slot !== 'secondary') {
    throw new Error(`a service has a primary and a secondary key, not "${text}"`)
  }
  return slot
}

export function otherSlot(slot: KeySlot): KeySlot {
  return slot === 'primary' ? 'secondary' : 'primary'
}
