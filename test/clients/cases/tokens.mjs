import assert from 'node:assert/strict'
import * as jose from 'jose'
import * as client from 'openid-client'

import { checkAtHash, discover, signedIn } from '../lib/party.mjs'
import { refused } from '../lib/refused.mjs'
import { test } from '../lib/tap.mjs'

const globex = { tenant: 'globex' }
const active = async (config, token) => (await client.tokenIntrospection(config, token)).active

test('refresh: rotates, keeps the sign-in and has no nonce', async world => {
  const { config, tokens, claims } = await signedIn(world, globex)
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
  await checkAtHash(fresh)
  assert.ok(fresh.refresh_token && fresh.refresh_token !== tokens.refresh_token)
  assert.notEqual(fresh.access_token, tokens.access_token)
  const { nonce, ...kept } = fresh.claims()
  assert.equal(nonce, undefined)
  for (const name of ['iss', 'sub', 'aud', 'sid', 'auth_time', 'acr']) assert.deepEqual(kept[name], claims[name], name)
  const third = await client.refreshTokenGrant(config, fresh.refresh_token)
  assert.equal((await client.fetchUserInfo(config, third.access_token, claims.sub)).sub, claims.sub)
})

test('refresh: the old token is refused and ends the whole family', async world => {
  const { config, tokens, claims } = await signedIn(world, globex)
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
  await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant')
  await refused(client.refreshTokenGrant(config, fresh.refresh_token), 'invalid_grant')
  await refused(client.fetchUserInfo(config, fresh.access_token, claims.sub), 'invalid_token', 401)
})

test('refresh: of five at once, at most one wins', async world => {
  const { config, tokens } = await signedIn(world, globex)
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => client.refreshTokenGrant(config, tokens.refresh_token)))
  assert.equal(all.filter(r => r.status === 'fulfilled').length, 1)
  for (const r of all) if (r.status === 'rejected') await refused(Promise.reject(r.reason), 'invalid_grant')
})

test('refresh: narrows scopes and never widens them', async world => {
  const { config, tokens } = await signedIn(world, globex, { scope: 'openid email offline_access' })
  const narrow = await client.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid' })
  assert.equal(narrow.scope, 'openid')
  const info = await client.fetchUserInfo(config, narrow.access_token, narrow.claims().sub)
  assert.equal(info.email, undefined)
  await refused(client.refreshTokenGrant(config, narrow.refresh_token, { scope: 'openid phone' }), 'invalid_scope')
  const whole = await client.refreshTokenGrant(config, narrow.refresh_token)
  assert.ok(whole.scope.split(' ').includes('email'), 'the grant itself keeps all')
})

test('refresh: a public app rotates too', async world => {
  const { config, tokens } = await signedIn(world, { app: 'phone' }, { redirect_uri: 'http://127.0.0.1:49153/callback' })
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
  await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant')
  await refused(client.refreshTokenGrant(config, fresh.refresh_token), 'invalid_grant')
})

test('refresh: neither another app nor another tenant can use it', async world => {
  const { config, tokens } = await signedIn(world)
  await refused(client.refreshTokenGrant(await discover(world, { app: 'payroll' }), tokens.refresh_token), 'invalid_grant')
  await refused(client.refreshTokenGrant(await discover(world, globex), tokens.refresh_token), 'invalid_grant')
  await client.refreshTokenGrant(config, tokens.refresh_token)
})

test('access token: a resource server can check it by itself (RFC 9068)', async world => {
  const { config, tokens, claims } = await signedIn(world, globex)
  const { issuer, jwks_uri: keys } = config.serverMetadata()
  const { payload } = await jose.jwtVerify(tokens.access_token, jose.createRemoteJWKSet(new URL(keys)), { issuer, audience: issuer, typ: 'at+jwt' })
  assert.deepEqual([payload.sub, payload.client_id, payload.acr, payload.auth_time], [claims.sub, 'expenses', claims.acr, claims.auth_time])
  assert.ok(payload.jti && payload.scope.split(' ').includes('openid'))
})

test('access token: good at its own tenant only, and no ID token in its place', async world => {
  const { config, tokens, claims } = await signedIn(world, globex)
  await refused(client.fetchUserInfo(await discover(world), tokens.access_token, claims.sub), 'invalid_token', 401)
  await refused(client.fetchUserInfo(config, tokens.id_token, claims.sub), 'invalid_token', 401)
})

test('introspection: tells an app of its own tokens', async world => {
  const { config, visit, tokens, claims } = await signedIn(world, globex)
  const access = await client.tokenIntrospection(config, tokens.access_token)
  assert.deepEqual([access.active, access.sub, access.client_id, access.username], [true, claims.sub, 'expenses', visit.person.name])
  assert.ok(access.exp > Date.now() / 1000 && access.scope.split(' ').includes('email'))
  const refresh = await client.tokenIntrospection(config, tokens.refresh_token, { token_type_hint: 'refresh_token' })
  assert.deepEqual([refresh.active, refresh.sub], [true, claims.sub])
})

test('introspection: tells a resource server of all, and other apps of none', async world => {
  const { tokens } = await signedIn(world, globex)
  const gateway = await discover(world, { ...globex, app: 'gateway' })
  const reports = await discover(world, { ...globex, app: 'reports' })
  assert.equal(await active(gateway, tokens.access_token), true)
  assert.equal(await active(reports, tokens.access_token), false)
  assert.equal(await active(gateway, 'made-up'), false)
  assert.equal(await active(await discover(world, { app: 'gateway' }), tokens.access_token), false, 'another tenant')
})

test('revocation: of an access token ends that one', async world => {
  const { config, tokens, claims } = await signedIn(world, globex)
  await client.tokenRevocation(config, tokens.access_token, { token_type_hint: 'access_token' })
  assert.equal(await active(config, tokens.access_token), false)
  await refused(client.fetchUserInfo(config, tokens.access_token, claims.sub), 'invalid_token', 401)
  await client.refreshTokenGrant(config, tokens.refresh_token)
})

test('revocation: of a refresh token ends all that came of the sign-in', async world => {
  const { config, tokens } = await signedIn(world, globex)
  await client.tokenRevocation(config, tokens.refresh_token)
  await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant')
  assert.equal(await active(config, tokens.access_token), false)
  await client.tokenRevocation(config, 'made-up') // RFC 7009 §2.2: no error
})

test('revocation: another app changes nothing', async world => {
  const { config, tokens } = await signedIn(world, globex)
  await client.tokenRevocation(await discover(world, { ...globex, app: 'reports' }), tokens.refresh_token)
  assert.equal(await active(config, tokens.access_token), true)
})

test('client credentials: a token for the machine itself', async world => {
  const config = await discover(world, { ...globex, app: 'reports' })
  const tokens = await client.clientCredentialsGrant(config, { scope: 'reports:read' })
  assert.deepEqual([tokens.scope, tokens.id_token, tokens.refresh_token], ['reports:read', undefined, undefined])
  const seen = await client.tokenIntrospection(config, tokens.access_token)
  assert.deepEqual([seen.active, seen.client_id, seen.scope], [true, 'reports', 'reports:read'])
  await refused(client.fetchUserInfo(config, tokens.access_token, client.skipSubjectCheck), 'insufficient_scope', 403)
  await refused(client.clientCredentialsGrant(config, { scope: 'admin' }), 'invalid_scope')
})

test('client credentials: not for an app that signs people in', async world => {
  await refused(client.clientCredentialsGrant(await discover(world)), 'unauthorized_client')
})
