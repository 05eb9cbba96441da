/** The two keys of a service. Either is accepted, so one stays valid while the other is replaced. */
export const keyTypes = ['primary', 'secondary'] as const
export type KeyType = (typeof keyTypes)[number]

/** Returns the name of the secret that holds a key, e.g. `iris-primary-key`. */
export function keySecretName(service: string, type: KeyType): string {
  return `${service}-${type}-key`
}

/** Reads service and key type from the name of a secret, in any case; undefined when the secret is not a key. */
export function parseKeySecretName(name: string): { service: string; type: KeyType } | undefined {
  const [, service, type] = /^(.+)-(primary|secondary)-key$/.exec(name.toLowerCase()) ?? []
  return service === undefined ? undefined : { service, type: type as KeyType }
}

/**
 * Reads a key type in any case: Azure ML's clients write `Primary` and `Secondary`, its REST API writes lower case.
 *
 * @throws Error for any other text
 */
export function parseKeyType(text: string): KeyType {
  const type = text.toLowerCase()
  if (type !== 'primary' && type !== 'secondary') {
    throw new Error(`a service has a primary and a secondary key, not "${text}"`)
  }
  return type
}

export function otherKeyType(type: KeyType): KeyType {
  return type === 'primary' ? 'secondary' : 'primary'
}
