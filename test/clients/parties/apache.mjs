// Debian's mod_auth_openidc under an Apache of its own. What it protects answers with
// what Apache says of the user.
import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'

import { child } from '../lib/child.mjs'
import { listen as open } from '../lib/mail.mjs'

const modules = '/usr/lib/apache2/modules'
const program = '/usr/sbin/apache2'

/** missing says what is not there; empty if nothing. */
export async function missing() {
  const there = path => access(path).then(() => true, () => false)
  return await there(program) && await there(`${modules}/mod_auth_openidc.so`) ? '' : 'apache2 with libapache2-mod-auth-openidc is missing'
}

export async function apacheParty(world, { url, listen }) {
  const behind = createServer((request, response) => {
    const claims = {}
    for (const [name, value] of Object.entries(request.headers)) {
      if (name.startsWith('oidc_claim_')) claims[name.slice('oidc_claim_'.length)] = value
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(claims))
  })
  const port = await open(behind)
  const root = join(world.work, 'apache')
  await mkdir(root)
  const file = join(root, 'apache.conf')
  await writeFile(file, configuration(world, { url, listen, root, port }))
  const p = child(program, ['-D', 'FOREGROUND', '-d', root, '-f', file])
  try {
    await answers(listen, p)
  } catch (e) {
    const log = await readFile(join(root, 'error.log'), 'utf8').catch(() => '')
    throw new Error(`${e.message}\n${p.output}${log}`)
  }
  return async () => {
    await p.stop()
    behind.close()
    behind.closeAllConnections?.()
  }
}

function configuration(world, { url, listen, root, port }) {
  const load = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'ssl', 'proxy', 'proxy_http', 'auth_openidc']
  return `
ServerName ${new URL(url).host}
UseCanonicalName On
Listen ${listen} https
PidFile ${root}/pid
ErrorLog ${root}/error.log
LogLevel warn
Mutex file:${root}
${load.map(m => `LoadModule ${m}_module ${modules}/mod_${m}.so`).join('\n')}
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
StartServers 1
SSLEngine on
SSLCertificateFile ${world.work}/cert.pem
SSLCertificateKeyFile ${world.work}/key.pem

OIDCProviderMetadataURL ${world.issuer('acme').href}/.well-known/openid-configuration
OIDCCABundlePath ${world.work}/cert.pem
OIDCClientID wiki
OIDCClientSecret ${world.secrets.wiki}
OIDCRedirectURI ${url}oidc
OIDCCryptoPassphrase ${world.secrets.wiki}
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCIDTokenSignedResponseAlg RS256
OIDCRemoteUserClaim preferred_username

<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location /bye>
  AuthType None
  Require all granted
</Location>
ProxyPass /oidc !
ProxyPass / http://127.0.0.1:${port}/
`
}

/** answers waits until Apache accepts connections. */
async function answers(listen, p) {
  let ended
  p.gone.then(code => { ended = `apache2 ended with ${code}` })
  for (let i = 0; i < 200; i++) {
    if (ended) throw new Error(ended)
    try {
      await fetch(`https://${listen}/bye`)
      return
    } catch {
      await new Promise(done => setTimeout(done, 50))
    }
  }
  throw new Error('apache2 does not answer')
}
