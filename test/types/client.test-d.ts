/** What the compiler tells callers of `scoring-functions/client`. A `@ts-expect-error` line that compiles is an error itself. */
import {
  type EncryptedClientOptions,
  EncryptedLinearClient,
  type JobDescription,
  RequestError,
} from 'scoring-functions/client'
import { describe, expectTypeOf, it } from 'vitest'

import type { JobView } from '../../src/jobs/output/job-view.ts'

declare const client: EncryptedLinearClient

describe('EncryptedLinearClient', () => {
  it('is made by create only', () => {
    expectTypeOf(EncryptedLinearClient.create).parameters.toEqualTypeOf<[EncryptedClientOptions]>()
    expectTypeOf(EncryptedLinearClient.create).returns.resolves.toEqualTypeOf<EncryptedLinearClient>()
    // @ts-expect-error it asks the service first
    new EncryptedLinearClient()
    // @ts-expect-error every request needs a key
    void EncryptedLinearClient.create({ url: 'https://example.com' })
  })

  it('gives a row its scores, and rows theirs', () => {
    expectTypeOf(client.predict([1, 2])).resolves.toEqualTypeOf<number[]>()
    expectTypeOf(client.predict(new Float32Array(2))).resolves.toEqualTypeOf<number[]>()
    expectTypeOf(client.predict([[1, 2]])).resolves.toEqualTypeOf<number[][]>()
    expectTypeOf(client.predict([new Float64Array(2)])).resolves.toEqualTypeOf<number[][]>()
    // @ts-expect-error features are numbers
    void client.predict(['1', '2'])
  })

  it('encrypts to what fetch sends, and decrypts bytes and JSON', () => {
    expectTypeOf(client.encrypt([1])).toEqualTypeOf<Uint8Array<ArrayBuffer>>()
    expectTypeOf(client.decrypt(new Uint8Array(1))).toEqualTypeOf<number[]>()
    expectTypeOf(client.decrypt({})).toEqualTypeOf<number[]>()
    // @ts-expect-error text has to be parsed
    client.decrypt('{}')
  })

  it('takes its secret key as text', () => {
    expectTypeOf(client.exportKey()).toEqualTypeOf<string>()
    expectTypeOf(client.importKey).parameters.toEqualTypeOf<[string]>()
    expectTypeOf(client.model.labels).toEqualTypeOf<readonly (string | number)[] | undefined>()
  })
})

describe('RequestError', () => {
  it('has a status and a code, if there was an answer', () => {
    expectTypeOf<RequestError['status']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<NonNullable<RequestError['code']>>().toExtend<string>()
    expectTypeOf(new RequestError('late')).toExtend<Error>()
  })
})

describe('JobDescription', () => {
  it('has all that a service tells of a job, and nothing else', () => {
    expectTypeOf<JobView>().toExtend<JobDescription>()
    expectTypeOf<keyof JobDescription>().toEqualTypeOf<keyof JobView>()
    expectTypeOf<keyof JobDescription['progress']>().toEqualTypeOf<keyof JobView['progress']>()
    type Output<Job extends { readonly output?: object }> = keyof NonNullable<Job['output']>
    expectTypeOf<Output<JobDescription>>().toEqualTypeOf<Output<JobView>>()
  })
})
