/** The two keys of a service; either opens it, and one goes on working while the other is changed. */
export const keySlots = ['primary', 'secondary'] as const
export type KeySlot = (typeof keySlots)[number]

/** `iris-primary-key` */
export function secretNameOf(service: string, slot: KeySlot): string {
  return `${service}-${slot}-key`
}

/** The service and slot of a secret, whatever the case of its name; undefined when it is not that of a key. */
export function ownerOfSecret(name: string): { service: string; slot: KeySlot } | undefined {
  const [, service, slot] = /^(.+)-(primary|secondary)-key$/.exec(name.toLowerCase()) ?? []
  return service === undefined ? undefined : { service, slot: slot as KeySlot }
}
