import * as z from 'zod'

const audience = z.string().min(1)

/** Access tokens of one tenant of Entra ID. */
export const TokenAuth = z.strictObject({
  mode: z.literal('token').describe('callers show an access token of Entra ID'),
  tenantId: z
    .string()
    .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'must be the GUID of one tenant')
    .describe('the tenant (directory) whose tokens are taken: a GUID'),
  audience: z
    .union([audience, z.array(audience).min(1)], 'must be a name, or a list of names, that tokens have as "aud"')
    .describe(
      '"aud" of the tokens: the application id of the service, or its URI, e.g. api://scoring; or a list of both',
    ),
  role: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be the value of an app role or scope, without spaces or quotes')
    .default('Score')
    .describe('app role ("roles") or scope ("scp") that the token has to grant'),
})
export type TokenAuth = z.infer<typeof TokenAuth>

const onlyForTokens = 'only mode "token" takes more than "mode"'

export const Auth = z.discriminatedUnion(
  'mode',
  [
    z.strictObject(
      { mode: z.literal('key').default('key').describe('callers show one of the two keys of the service') },
      onlyForTokens,
    ),
    z.strictObject({ mode: z.literal('none').describe('anyone may call the service') }, onlyForTokens),
    TokenAuth,
  ],
  // Zod also asks when "auth" is no object at all, and then knows better.
  {
    error: ({ code }: { code: string }) => (code === 'invalid_union' ? 'must be "key", "token" or "none"' : undefined),
  },
)
