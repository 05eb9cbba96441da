import { StartupError } from '../../errors.ts'

/**
 * Puts the values of settings where `%NAME%` stands in a binding.
 *
 * @param what  the setting of the binding, for the message
 * @throws StartupError when there is no such setting
 */
export function resolveSettings(text: string, what: string, environment: NodeJS.ProcessEnv): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = environment[name]
    if (!value) throw new StartupError(`${what} is "${text}", and setting ${name} is not set`)
    return value
  })
}
