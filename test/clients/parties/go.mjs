// go-oidc, in a program that run.sh has built from go/.
import { join } from 'node:path'

import { child, said } from '../lib/child.mjs'

export async function goParty(world, { url, listen }) {
  const p = child(join(world.work, 'go-party'), [
    '-issuer', world.issuer('acme').href, '-home', url, '-listen', listen, '-secret', world.secrets.ledger,
    '-cert', join(world.work, 'cert.pem'), '-key', join(world.work, 'key.pem'),
  ], { env: { ...process.env, SSL_CERT_FILE: join(world.work, 'cert.pem') } })
  await said(p, /listening/)
  return p.stop
}
