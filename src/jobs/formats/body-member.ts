import type { TensorInfo } from '../../models/session/model-session.ts'

/** @returns the name of a member in which request bodies hold rows, if the row has one and the service does not name it so */
export function bodyMember(
  row: unknown,
  inputs: readonly TensorInfo[] | undefined,
  names: readonly string[],
): string | undefined {
  if (!inputs || typeof row !== 'object' || row === null) return undefined
  const isKnown = (member: string) => names.includes(member) || inputs.some(({ name }) => name === member)
  return ['data', 'input_data', 'Inputs'].find(member => Object.hasOwn(row, member) && !isKnown(member))
}
