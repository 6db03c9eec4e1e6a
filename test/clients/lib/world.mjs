// A Twofold of its own on SQLite, with all that the tests need to know of it.
import assert from 'node:assert/strict'
import { spawn, execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import { Corp } from './corp.mjs'
import { Inbox, listen, smsServer, smtpServer } from './mail.mjs'
import { people, sample, user } from './sample.mjs'

/** startWorld applies the sample and serves it; work holds program and certificate. */
export async function startWorld(work) {
  const inbox = new Inbox()
  const sms = { sid: `AC${hex(16)}`, token: hex(16) }
  const smtp = smtpServer(inbox)
  const texts = smsServer(inbox, sms)
  const smtpPort = await listen(smtp)
  const smsPort = await listen(texts)
  const corp = new Corp()
  await corp.listen()
  const secrets = { corp: hex(20), expenses: hex(20), payroll: awkward(), reports: awkward(), gateway: awkward(), wiki: hex(20), shop: hex(20), ledger: hex(20) }
  const key = await signingKey()
  const parties = await addresses(['wiki', 'shop', 'board', 'ledger'])

  const file = join(work, 'sample.yaml')
  await writeFile(file, JSON.stringify(sample({ smtpPort, sms, secrets, parties, corp: corp.issuer, jwks: key.jwks }), null, 2))
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('TWOFOLD_'))
  const env = { ...Object.fromEntries(others), TWOFOLD_DATABASE: `sqlite:${join(work, 'twofold.db')}`, TWOFOLD_LOG_FORMAT: 'json', SSL_CERT_FILE: join(work, 'cert.pem') }
  const program = join(work, 'twofold')
  await apply(program, file, env)

  const url = `https://127.0.0.1:${await freePort()}`
  const server = await serve(program, url, `http://127.0.0.1:${smsPort}`, work, env)
  let users = 0
  const closing = []
  return {
    inbox, secrets, corp, key: key.pair, url, work, parties,
    issuer: tenant => new URL(`${url}/t/${tenant}`),
    /** person returns a user that no other test has. */
    person() {
      assert.ok(users < people, 'the sample has too few people')
      return user(users++)
    },
    /** closing are what else ends with the world, the last first. */
    closing,
    async stop() {
      for (const end of closing.reverse()) await end()
      await server.stop()
      for (const s of [smtp, texts, corp.server]) s.close()
      corp.server.closeAllConnections?.()
      texts.closeAllConnections?.()
    },
    /** logTail is the end of the server's log. */
    logTail: () => server.log.slice(-20),
  }
}

const hex = n => randomBytes(n).toString('hex')

// Basic demands that client credentials be form-encoded (RFC 6749 §2.3.1), which
// changes this secret. Not every library does it, so the first app has a plain one.
const awkward = () => `${hex(20)}+/%&= ~:`

/** signingKey is for private_key_jwt. */
async function signingKey() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  return { pair: { key: pair.privateKey, kid: 'k1' }, jwks: { keys: [{ kty, crv, x, y, kid: 'k1', use: 'sig', alg: 'ES256' }] } }
}

async function apply(program, file, env) {
  try {
    await promisify(execFile)(program, ['apply', '--rsa-bits', '2048', file], { env, timeout: 60_000 })
  } catch (e) {
    throw new Error(`twofold apply failed\n${e.stdout ?? ''}${e.stderr ?? e}`)
  }
}

/** freePort finds a port: the issuer's address must be known before anybody listens. */
async function freePort() {
  const probe = createServer()
  const port = await listen(probe)
  await new Promise(done => probe.close(done))
  return port
}

/** addresses finds a place for apps: each is a site of its own to the browser, or near, on that of Twofold. */
async function addresses(names) {
  const found = {}
  for (const name of names) {
    const port = await freePort()
    found[name] = { url: `https://${name}.example:${port}/`, near: `https://127.0.0.1:${port}/`, listen: `127.0.0.1:${port}` }
  }
  return found
}

async function serve(program, url, smsURL, work, env) {
  const p = spawn(program, [
    'serve', '--public-url', url, '--allow-private-addresses', '127.0.0.0/8', '--listen', new URL(url).host, '--ops-listen=', '--endpoint-twilio', smsURL,
    '--tls-cert', join(work, 'cert.pem'), '--tls-key', join(work, 'key.pem'),
  ], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const gone = new Promise(resolve => p.once('exit', resolve))
  process.once('exit', () => p.kill('SIGKILL')) // does nothing once it is gone
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

  const log = []
  const lines = createInterface({ input: p.stderr })
  await new Promise((resolve, reject) => {
    lines.on('line', line => {
      log.push(line)
      if (line.includes('"msg":"serving"')) resolve()
    })
    p.once('error', reject)
    gone.then(code => reject(new Error(`twofold serve ended with ${code}\n${log.join('\n')}`)))
  })
  return {
    log,
    async stop() {
      p.kill('SIGTERM')
      const late = setTimeout(() => p.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(late)
    },
  }
}
