// A browser as far as signing in needs one: cookies, redirects and forms, without
// JavaScript. It stays with one site and stops where that sends it elsewhere.

export class Browser {
  #cookies = []

  /** careful says that the site is ours: its cookies must be as they should. */
  constructor(site, careful = true) {
    this.site = new URL(site).origin
    this.careful = careful
  }

  /** get opens an address and follows redirects; see #settle for what it returns. */
  get(url) {
    return this.#settle(new Request(url))
  }

  /** submit sends a form, as if the named button or the first one were pressed. */
  async submit(form, values = {}, button = form.buttons[0]) {
    const body = new URLSearchParams({ ...form.fields, ...values, ...(button?.name ? { [button.name]: button.value } : {}) })
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(form.page).origin }
    const next = await this.#settle(new Request(form.action, { method: form.method, body, headers }))
    if (next.left) permit(form.targets, next.left.url)
    return next
  }

  /**
   * #settle follows redirects until there is a page, { status, url, html, forms },
   * or an address elsewhere, { left: Request }: nothing is ever sent to that.
   */
  async #settle(request) {
    for (let hops = 0; hops < 10; hops++) {
      const url = new URL(request.url)
      if (url.origin !== this.site) return { left: request }
      const answer = await fetch(request, { redirect: 'manual', headers: this.#headers(request, url) })
      for (const line of setCookies(answer.headers)) this.#keep(line, url)
      const location = answer.headers.get('location')
      if (!location) return page(answer, request.url)
      await answer.arrayBuffer()
      if (answer.status === 307 || answer.status === 308) throw new Error(`${answer.status} after a form would send the password on`)
      request = new Request(new URL(location, url))
    }
    throw new Error('too many redirects')
  }

  #headers(request, url) {
    const headers = new Headers(request.headers)
    headers.set('accept', 'text/html')
    const origin = headers.get('origin') ?? url.origin
    headers.set('sec-fetch-site', request.method === 'GET' ? 'none' : origin === url.origin ? 'same-origin' : 'cross-site')
    const crossPost = headers.get('sec-fetch-site') === 'cross-site' // such a request brings no SameSite=Lax cookie
    const cookies = this.#cookies.filter(c => !crossPost && covers(c.path, url.pathname)).map(c => `${c.name}=${c.value}`)
    if (cookies.length) headers.set('cookie', cookies.join('; '))
    return headers
  }

  /** #keep takes a cookie over (RFC 6265 §5.3). */
  #keep(line, url) {
    const [pair, ...attributes] = line.split(';').map(s => s.trim())
    const at = pair.indexOf('=')
    const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), path: '/' }
    const has = Object.fromEntries(attributes.map(a => [a.split('=')[0].toLowerCase(), a.slice(a.indexOf('=') + 1)]))
    if (has.path) cookie.path = has.path
    if (this.careful && (!('secure' in has) || !('httponly' in has) || !('samesite' in has))) throw new Error(`careless cookie from ${url.pathname}: ${line}`)
    this.#cookies = this.#cookies.filter(c => c.name !== cookie.name || c.path !== cookie.path)
    if (!(Number(has['max-age'] ?? 1) <= 0)) this.#cookies.push(cookie)
  }
}

// Debian 12's Node has no getSetCookie.
const setCookies = headers => headers.getSetCookie?.() ?? headers.get('set-cookie')?.split(/, (?=[^ ;=]+=)/) ?? []

const covers = (path, requested) => requested === path || requested.startsWith(path.endsWith('/') ? path : `${path}/`)

async function page(answer, url) {
  const html = await answer.text()
  const policy = answer.headers.get('content-security-policy') ?? ''
  const targets = /form-action ([^;]*)/.exec(policy)?.[1].split(' ')
  return { status: answer.status, url, html, forms: forms(html, url).map(f => ({ ...f, targets })) }
}

/** permit holds where a form led, by redirects too, against the page's CSP form-action. */
function permit(targets, url) {
  const { protocol, origin } = new URL(url)
  if (targets && !targets.includes(protocol) && !targets.includes(origin)) throw new Error(`form-action ${targets.join(' ')} forbids ${url}`)
}

/** forms reads the forms out of a page of ours. */
function forms(html, url) {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, head, inside]) => {
    const tags = name => [...inside.matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'g'))].map(m => attributes(m[1]))
    const { action = url, method = 'get' } = attributes(head)
    const inputs = tags('input').filter(i => i.name)
    return {
      page: url, action: new URL(action, url).href, method: method.toUpperCase(),
      fields: Object.fromEntries(inputs.map(i => [i.name, i.value ?? ''])), buttons: tags('button').filter(b => b.type !== 'button'),
    }
  })
}

function attributes(text) {
  return Object.fromEntries([...text.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(([, name, value = '']) => [name, decoded(value)]))
}

const named = { amp: '&', lt: '<', gt: '>', quot: '"' }

function decoded(text) {
  return text.replace(/&(?:#(\d+)|([a-z]+));/g, (_, code, name) => (code ? String.fromCodePoint(Number(code)) : named[name]))
}
