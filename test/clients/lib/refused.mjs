// What it looks like when something is refused.
import assert from 'node:assert/strict'
import * as client from 'openid-client'

/** refused expects an OAuth error of the server, in a body or beside a challenge. */
export async function refused(promise, error, status = error === 'invalid_client' ? 401 : 400) {
  const e = await failure(promise)
  if (e instanceof client.WWWAuthenticateChallengeError) {
    const { parameters } = e.cause[0]
    const body = await e.response.clone().json().catch(() => ({}))
    assert.deepEqual({ status: e.status, error: parameters.error ?? body.error }, { status, error })
    return e
  }
  assert.ok(e instanceof client.ResponseBodyError, `not an answer of the server: ${e.stack}`)
  assert.deepEqual({ status: e.status, error: e.error }, { status, error }, e.error_description)
  return e
}

/** denied expects an error in the authorization response. */
export async function denied(promise, error) {
  const e = await failure(promise)
  assert.ok(e instanceof client.AuthorizationResponseError, `not an authorization response: ${e.stack}`)
  assert.equal(e.error, error, e.error_description)
  return e
}

/** caught expects openid-client itself to find the fault. */
export async function caught(promise, code, message = /./) {
  const e = await failure(promise)
  assert.equal(e.code, code, e.stack)
  assert.match(`${e.message}: ${e.cause?.message}`, message)
  return e
}

async function failure(promise) {
  let value
  try {
    value = await promise
  } catch (e) {
    if (e instanceof assert.AssertionError) throw e
    return e
  }
  throw new assert.AssertionError({ message: `was accepted, with ${Object.keys(value ?? {}).join(', ') || 'nothing'}` })
}
