// Where codes arrive: a mail server, and a stand-in for the SMS provider.
import { createServer as createTCP } from 'node:net'
import { createServer as createHTTP } from 'node:http'

/** Inbox keeps messages by recipient and lets a reader wait for the next one. */
export class Inbox {
  #unread = []
  #waiting = []

  add(message) {
    const i = this.#waiting.findIndex(w => w.to === message.to)
    if (i >= 0) this.#waiting.splice(i, 1)[0].resolve(message)
    else this.#unread.push(message)
  }

  /** next returns the oldest message to an address that nobody has read yet. */
  next(to) {
    const i = this.#unread.findIndex(m => m.to === to)
    if (i >= 0) return Promise.resolve(this.#unread.splice(i, 1)[0])
    return new Promise(resolve => this.#waiting.push({ to, resolve }))
  }

  /** code is the one in the next message: a line of its own, or the SMS's last. */
  async code(to) {
    const { text } = await this.next(to)
    const found = /^@\S+ #(\d{6})\s*$/m.exec(text) ?? /^\s*(\d{6})\s*$/m.exec(text)
    if (!found) throw new Error(`no code in the message to ${to}:\n${text}`)
    return found[1]
  }

  unread(to) {
    return this.#unread.filter(m => m.to === to).length
  }
}

/** listen opens a port on loopback and returns it. */
export function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server.address().port))
  })
}

/** smtpServer takes every mail (RFC 5321). */
export function smtpServer(inbox) {
  return createTCP(socket => {
    const say = line => socket.write(`${line}\r\n`)
    let pending = ''
    let to = []
    let data = null // the lines of a message while it comes in
    const command = line => {
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'RCPT') to.push(/<([^>]*)>/.exec(line)?.[1])
      if (verb === 'MAIL' || verb === 'RSET') to = []
      if (verb === 'DATA') data = []
      if (verb === 'QUIT') return socket.end('221 bye\r\n')
      say({ EHLO: '250 loopback', HELO: '250 loopback', DATA: '354 go on', MAIL: '250 ok', RCPT: '250 ok', RSET: '250 ok', NOOP: '250 ok' }[verb] ?? '502 no')
    }
    const content = line => {
      if (line !== '.') return data.push(line.replace(/^\./, ''))
      for (const address of to) inbox.add({ to: address, text: data.join('\n') })
      data = null
      say('250 taken')
    }
    socket.setEncoding('utf8')
    socket.on('error', () => socket.destroy())
    socket.on('data', chunk => {
      const lines = (pending + chunk).split('\r\n')
      pending = lines.pop()
      for (const line of lines) (data ? content : command)(line)
    })
    say('220 loopback')
  })
}

/** smsServer answers as Twilio's Messages API does. */
export function smsServer(inbox, account) {
  return createHTTP(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const answer = (status, value) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(value))
    }
    const credentials = `Basic ${Buffer.from(`${account.sid}:${account.token}`).toString('base64')}`
    if (request.url !== `/2010-04-01/Accounts/${account.sid}/Messages.json` || request.headers.authorization !== credentials) {
      return answer(401, { code: 20003, message: 'Authenticate', status: 401 })
    }
    const form = new URLSearchParams(body)
    inbox.add({ to: form.get('To'), text: form.get('Body') })
    answer(201, { sid: `SM${'0'.repeat(32)}`, status: 'queued', to: form.get('To'), from: form.get('From'), num_segments: '1', error_code: null })
  })
}
