import { app } from '@azure/functions'
import { serverVersion } from '../src/compose/app.ts'
import { triggerPlan } from '../src/compose/service-triggers.ts'
import { answerEncrypted, answerPublicKeys } from '../src/protocols/encrypted/endpoints.ts'
import { everyMethod } from './every-method.ts'
import { findNamed } from './find-service.ts'
import { httpHandler } from './http-handler.ts'

app.http('encrypted', {
  route: 'api/v1/service/{service}/encrypted',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel, // beside the service's own key, which is checked inside
  handler: httpHandler(request => answerEncrypted(request, findNamed(request), serverVersion)),
})

app.http('encrypted-keys', {
  route: 'api/v1/service/{service}/encrypted/keys/{keyId}',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel,
  handler: httpHandler(request =>
    answerPublicKeys(request, request.params.keyId ?? '', findNamed(request), serverVersion),
  ),
})
