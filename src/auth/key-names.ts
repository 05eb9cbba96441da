/** The two keys of a service; either opens it, and one goes on working while the other is changed. */
export const keyTypes = ['primary', 'secondary'] as const
export type KeyType = (typeof keyTypes)[number]

/** The name of the secret that holds a key, e.g. `iris-primary-key`. */
export function keySecretName(service: string, type: KeyType): string {
  return `${service}-${type}-key`
}

/** The service and type of a secret, whatever the case of its name; undefined when it is not that of a key. */
export function parseKeySecretName(name: string): { service: string; type: KeyType } | undefined {
  const [, service, type] = /^(.+)-(primary|secondary)-key$/.exec(name.toLowerCase()) ?? []
  return service === undefined ? undefined : { service, type: type as KeyType }
}

/**
 * Azure ML's clients write `Primary` and `Secondary`, its REST interface and this project's files the lower case.
 *
 * @throws Error when it is neither
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
