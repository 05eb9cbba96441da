/** The two keys of a service; either opens it, and one goes on working while the other is changed. */
export const keySlots = ['primary', 'secondary'] as const
export type KeySlot = (typeof keySlots)[number]

/** The name of the secret that holds a key, e.g. `iris-primary-key`. */
export function keySecretName(service: string, slot: KeySlot): string {
  return `${service}-${slot}-key`
}

/** The service and slot of a secret, whatever the case of its name; undefined when it is not that of a key. */
export function ownerOfSecret(name: string): { service: string; slot: KeySlot } | undefined {
  const [, service, slot] = /^(.+)-(primary|secondary)-key$/.exec(name.toLowerCase()) ?? []
  return service === undefined ? undefined : { service, slot: slot as KeySlot }
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
