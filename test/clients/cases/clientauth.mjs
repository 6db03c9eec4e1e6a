import { randomUUID } from 'node:crypto'
import * as client from 'openid-client'

import { discover } from '../lib/party.mjs'
import { refused } from '../lib/refused.mjs'
import { test } from '../lib/tap.mjs'

// A made-up refresh token: what is refused is either the client or, for one who is
// who he says, the token.
const attempt = async (world, app, auth) => client.refreshTokenGrant(await discover(world, { app, auth }), 'made-up')

test('client authentication: what is right is told from what is wrong', async world => {
  for (const app of ['expenses', 'payroll', 'vault', 'phone']) await refused(attempt(world, app), 'invalid_grant')
})

const rows = [
  ['client_secret_basic with another secret', 'expenses', () => client.ClientSecretBasic('x'.repeat(40))],
  ['client_secret_basic with the secret of another app', 'expenses', w => client.ClientSecretBasic(w.secrets.payroll)],
  ['client_secret_basic by an unknown app', 'nobody', () => client.ClientSecretBasic('x'.repeat(40))],
  ['client_secret_post with another secret', 'payroll', () => client.ClientSecretPost('x'.repeat(40))],
  ['client_secret_post where basic is registered', 'expenses', w => client.ClientSecretPost(w.secrets.expenses)],
  ['client_secret_basic where post is registered', 'payroll', w => client.ClientSecretBasic(w.secrets.payroll)],
  ['client_secret_jwt', 'expenses', w => client.ClientSecretJwt(w.secrets.expenses)],
  ['no authentication of a confidential app', 'expenses', () => client.None()],
  ['no authentication where a key is registered', 'vault', () => client.None()],
  ['private_key_jwt for another audience', 'vault', w => assertion(w, c => { c.aud = 'https://other.example' })],
  ['private_key_jwt that has expired', 'vault', w => assertion(w, c => { c.exp = c.iat - 60 })],
  ['private_key_jwt for another app', 'vault', w => assertion(w, c => { c.sub = 'expenses' })],
]

for (const [name, app, auth] of rows) {
  test(`client authentication: ${name} is refused`, async world => {
    await refused(attempt(world, app, auth(world)), 'invalid_client')
  })
}

test('client authentication: private_key_jwt with another key is refused', async world => {
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  await refused(attempt(world, 'vault', client.PrivateKeyJwt({ key: privateKey, kid: world.key.kid })), 'invalid_client')
})

test('client authentication: an assertion works once', async world => {
  const jti = randomUUID()
  const auth = assertion(world, c => { c.jti = jti })
  await refused(attempt(world, 'vault', auth), 'invalid_grant')
  await refused(attempt(world, 'vault', auth), 'invalid_client')
})

function assertion(world, change) {
  return client.PrivateKeyJwt(world.key, { [client.modifyAssertion]: (_, payload) => change(payload) })
}
