import * as z from 'zod'
import { StartupError } from './errors.ts'

/** Environment variables that the app reads, once, at start. */
const Environment = z.object({
  AZURE_FUNCTIONS_ENVIRONMENT: z.string().default('Production').describe('Development allows keys in a local file'),
  SCORING_MODELS: z.string().min(1).optional().describe('folder of services; default: models/ in the app'),
  SCORING_DEFAULT_SERVICE: z
    .string()
    .min(1)
    .optional()
    .describe('service behind /score; default: the only one there is'),
  SCORING_MAX_THREADS: z
    .string()
    .regex(/^([1-9]\d?|1\d\d|2[0-4]\d|25[0-6])$/, 'must be a whole number from 1 to 256')
    .transform(Number)
    .optional()
    .describe('scoring threads a service may have; default: processors minus one, at least 1'),
  KEY_VAULT_URL: z.string().optional().describe('vault with the keys of the services'),
})

/** What the environment says, checked. */
export interface Settings {
  isDevelopment: boolean
  /** Folder that holds `host.json`. */
  appRoot: string
  /** Folder of services, each with a `service.json`. */
  modelsDir: string
  defaultService: string | undefined
  /** undefined, in Development only: keys are in a local file. */
  keyVaultUrl: string | undefined
  /** Scoring threads per service, at most. */
  maxThreads: number
}

/**
 * @param environment     usually `process.env`
 * @param appRoot         folder that holds `host.json`
 * @param processorCount  processors that this process may use
 * @throws StartupError naming the variable
 */
export function readSettings(
  environment: Record<string, string | undefined>,
  appRoot: string,
  processorCount: number,
): Settings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = Environment.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const name = String(issue?.path[0])
    throw new StartupError(`setting ${name}: ${issue?.message}, not "${environment[name]}"`)
  }
  const values = parsed.data
  const isDevelopment = values.AZURE_FUNCTIONS_ENVIRONMENT.toLowerCase() === 'development'
  if (!isDevelopment && values.KEY_VAULT_URL === undefined) {
    throw new StartupError(
      'outside Development the keys live in Azure Key Vault: set KEY_VAULT_URL, or AZURE_FUNCTIONS_ENVIRONMENT=Development on a developer machine',
    )
  }
  return {
    isDevelopment,
    appRoot,
    modelsDir: values.SCORING_MODELS ?? `${appRoot}/models`,
    defaultService: values.SCORING_DEFAULT_SERVICE,
    keyVaultUrl: values.KEY_VAULT_URL,
    maxThreads: values.SCORING_MAX_THREADS ?? Math.max(1, processorCount - 1),
  }
}
