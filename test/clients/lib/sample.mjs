// What is set up for the tests, in the form that `twofold apply` takes. JSON is YAML.

export const apps = {
  // The address of an app is never opened: the browser of the tests stops there.
  callback: 'https://app.example/callback',
  signedOut: 'https://app.example/signed-out',
  loopback: 'http://127.0.0.1/callback', // RFC 8252 §7.3: any port
}

// Every test has people of its own, so that none meets the limits on codes of another.
export const people = 99
export const password = 'correct horse battery staple'

export const user = n => ({ name: `user${n}`, email: `user${n}@sample.example`, phone: `+121255501${String(n).padStart(2, '0')}` })

/** at is where an app lives that the real browser opens. Twofold itself knows no .example. */
const at = ({ url, near }, callback, told) => ({
  redirect_uris: [`${url}${callback}`], post_logout_redirect_uris: [`${url}bye`], ...(told && { backchannel_logout_uri: `${near}${told}` }),
})

export function sample({ smtpPort, sms, secrets, parties, jwks, corp }) {
  const web = { redirect_uris: [apps.callback], post_logout_redirect_uris: [apps.signedOut] }
  return {
    subscriptions: [{
      name: 'sample',
      idps: [
        { name: 'staff' },
        {
          name: 'corp', title: 'Corp', type: 'oidc', issuer: corp, client_id: 'twofold', client_secret: secrets.corp, scopes: ['email', 'profile'],
          domains: ['corp.example'], trust: ['amr:mfa = aal2'], create_users: true, update_users: true,
        },
      ],
      client_apps: [
        { name: 'expenses', title: 'Expenses', type: 'web', client_secret: secrets.expenses, ...web },
        {
          name: 'payroll', title: 'Payroll', type: 'web', auth_method: 'client_secret_post', client_secret: secrets.payroll,
          id_token_alg: 'ES256', id_token_profile: true, ...web,
        },
        { name: 'vault', title: 'Vault', type: 'web', auth_method: 'private_key_jwt', jwks: JSON.stringify(jwks), ...web },
        { name: 'phone', title: 'Phone', type: 'native', redirect_uris: [apps.loopback] },
        { name: 'wiki', title: 'Wiki', type: 'web', client_secret: secrets.wiki, ...at(parties.wiki, 'oidc', 'oidc?logout=backchannel') },
        { name: 'shop', title: 'Shop', type: 'web', client_secret: secrets.shop, ...at(parties.shop, 'callback', 'backchannel-logout') },
        { name: 'board', title: 'Board', type: 'spa', redirect_uris: [parties.board.url, parties.board.near].flatMap(u => [u, `${u}silent`]), post_logout_redirect_uris: [`${parties.board.url}bye`] },
        { name: 'ledger', title: 'Ledger', type: 'web', client_secret: secrets.ledger, ...at(parties.ledger, 'callback') },
        { name: 'reports', type: 'machine', client_secret: secrets.reports, scopes: ['reports:read', 'reports:write'] },
        { name: 'gateway', type: 'machine', client_secret: secrets.gateway, scopes: ['introspect'] },
      ],
      tenants: [
        { name: 'acme', title: 'Acme', sms_countries: ['US'], idps: ['staff'], client_apps: ['expenses', 'payroll', 'vault', 'phone', 'wiki', 'shop', 'board', 'ledger', 'reports', 'gateway'] },
        { name: 'globex', title: 'Globex', idps: ['staff'], client_apps: ['expenses', 'reports', 'gateway'] },
        { name: 'initech', title: 'Initech', idps: ['staff', 'corp'], client_apps: ['expenses'] },
      ],
      users: Array.from({ length: people }, (_, n) => ({
        ...user(n), given_name: 'User', family_name: `Number ${n}`, email_verified: true, phone_verified: true, password,
        idps: ['staff'], tenants: ['acme', 'globex', 'initech'],
      })),
      two_factors: [
        {
          name: 'Code by e-mail', type: 'email',
          options: { EMailSenderAddress: 'signin@sample.example', MailServerConfig: { MailType: 'SMTP', Host: '127.0.0.1', Port: smtpPort, EnableSSL: false } },
        },
        { name: 'Code by SMS', type: 'twilio', options: { TwilioAccountSid: sms.sid, TwilioAuthToken: sms.token, TwilioSmsFromNumber: '+447700900100' } },
      ],
      assignments: [
        { two_factor: 'Code by e-mail', to: { tenant: 'acme' }, required: true },
        { two_factor: 'Code by e-mail', to: { tenant: 'initech' }, required: true },
        // Offered to two apps only: elsewhere the code comes by mail.
        { two_factor: 'Code by SMS', to: { client_app: 'vault' }, required: false },
        { two_factor: 'Code by SMS', to: { client_app: 'ledger' }, required: false },
      ],
    }],
  }
}
