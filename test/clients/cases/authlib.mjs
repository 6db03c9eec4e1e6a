// A second opinion, from another language: Authlib signs in with what it finds in
// discovery, and checks the ID token by its own code.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { Visit } from '../lib/party.mjs'
import { apps } from '../lib/sample.mjs'
import { Skip, test } from '../lib/tap.mjs'

const script = fileURLToPath(new URL('authlib_client.py', import.meta.url))

/** python is one that has Authlib: the system's own, else the first in the path. */
async function python() {
  for (const program of ['/usr/bin/python3', 'python3']) {
    try {
      await promisify(execFile)(program, ['-c', 'import authlib.integrations.requests_client, authlib.oidc.core'])
      return program
    } catch { /* the next one may */ }
  }
  const missing = 'Python with Authlib and Requests is missing'
  if (process.env.CI === 'true' || process.env.TWOFOLD_TEST_REQUIRE === '1') throw new Error(missing)
  throw new Skip(missing)
}

/** run starts the script, lets the user sign in where it says, and returns its report. */
async function run(world, visit, settings) {
  const p = spawn(await python(), [script, JSON.stringify(settings)], {
    env: { ...process.env, REQUESTS_CA_BUNDLE: process.env.NODE_EXTRA_CA_CERTS }, stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const lines = createInterface({ input: p.stdout })[Symbol.asyncIterator]()
    const { value: url } = await lines.next()
    assert.ok(url, 'Authlib ended early')
    p.stdin.end(`${(await visit.signIn({ url })).url}\n`)
    const { value: report } = await lines.next()
    assert.ok(report, 'Authlib refused the answer')
    return JSON.parse(report)
  } finally {
    if (p.exitCode === null) p.kill()
    if (p.exitCode === null && p.signalCode === null) await once(p, 'exit')
  }
}

for (const [app, method, alg] of [['expenses', 'client_secret_basic', 'RS256'], ['payroll', 'client_secret_post', 'ES256']]) {
  test(`authlib: signs in, refreshes, inspects and revokes (${method}, ${alg})`, async world => {
    const visit = new Visit(world)
    const report = await run(world, visit, {
      issuer: world.issuer('acme').href, client_id: app, client_secret: world.secrets[app], method, alg, redirect_uri: apps.callback,
    })
    assert.deepEqual(visit.asked, ['password', 'mail'])
    assert.equal(report.claims.acr, 'urn:twofold:acr:2fa')
    assert.equal(report.userinfo.sub, report.claims.sub)
    assert.equal(report.userinfo.email, visit.person.email)
    assert.equal(report.refreshed.sub, report.claims.sub)
    assert.deepEqual([report.active, report.activeAfter], [true, false])
    assert.equal(report.revoked, 200)
  })
}
