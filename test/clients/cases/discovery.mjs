import assert from 'node:assert/strict'
import * as client from 'openid-client'

import { discover } from '../lib/party.mjs'
import { caught } from '../lib/refused.mjs'
import { test } from '../lib/tap.mjs'

test('discovery: the document says what openid-client relies on', async world => {
  const config = await discover(world)
  const metadata = config.serverMetadata()
  assert.equal(metadata.issuer, world.issuer('acme').href)
  assert.ok(metadata.supportsPKCE('S256'))
  assert.equal(metadata.authorization_response_iss_parameter_supported, true)
  for (const [name, value] of Object.entries(metadata)) {
    if (/_endpoint$|^jwks_uri$/.test(name)) assert.ok(value.startsWith(`${metadata.issuer}/`), `${name} ${value}`)
  }
  for (const [name, values] of Object.entries({
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    id_token_signing_alg_values_supported: ['RS256', 'ES256'],
  })) {
    for (const value of values) assert.ok(metadata[name].includes(value), `${name} lacks ${value}`)
  }
  for (const name of ['introspection_endpoint', 'revocation_endpoint', 'end_session_endpoint', 'userinfo_endpoint']) assert.ok(metadata[name], name)
})

test('discovery: the place of RFC 8414 has the same document', async world => {
  const oidc = await discover(world)
  const oauth = await client.discovery(world.issuer('acme'), 'expenses', {}, client.None(), { algorithm: 'oauth2' })
  assert.deepEqual(oauth.serverMetadata(), oidc.serverMetadata())
})

test('discovery: a tenant that is not there has no document', async world => {
  await caught(client.discovery(world.issuer('nobody'), 'expenses', {}, client.None()), 'OAUTH_RESPONSE_IS_NOT_CONFORM')
})

test('control: another issuer in the document is caught', async world => {
  const lying = async (url, options) => {
    const document = await (await fetch(url, options)).json()
    return Response.json({ ...document, issuer: world.issuer('globex').href })
  }
  await caught(client.discovery(world.issuer('acme'), 'expenses', {}, client.None(), { [client.customFetch]: lying }), 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
})
