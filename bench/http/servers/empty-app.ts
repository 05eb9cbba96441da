/** A function app whose one function does nothing: what the host alone costs. */
import { app } from '@azure/functions'

app.setup({ enableHttpStream: true })
app.http('empty', {
  route: 'score',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: '[217.67978776218715]',
  }),
})
