// A real browser. Each visitor has a profile of his own in it.
import { execFile } from 'node:child_process'
import { X509Certificate, createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import puppeteer from 'puppeteer-core'

import { password } from './sample.mjs'

/** chromium is the program, as the tests in Go look for it; empty if there is none. */
export async function chromium() {
  if (process.env.TWOFOLD_CHROMIUM) return process.env.TWOFOLD_CHROMIUM
  for (const name of ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']) {
    const path = await promisify(execFile)('/bin/sh', ['-c', `command -v ${name}`]).catch(() => null)
    if (path) return path.stdout.trim()
  }
  return ''
}

/**
 * launch starts it. All names under .example are this machine, so that every app is a
 * site of its own, and the one certificate of the tests is trusted, no other.
 */
export async function launch(world) {
  const { publicKey } = new X509Certificate(await readFile(join(world.work, 'cert.pem')))
  const pin = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64')
  return puppeteer.launch({
    executablePath: await chromium(), userDataDir: join(world.work, 'chromium'), args: [
      '--host-resolver-rules=MAP *.example 127.0.0.1', `--ignore-certificate-errors-spki-list=${pin}`, '--no-proxy-server',
      '--disable-gpu', '--disable-component-update', '--no-pings', '--lang=en-US',
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []), // the sandbox refuses root
    ],
  })
}

/** Person is somebody at a browser of his own, who gives what Twofold asks. */
export class Person {
  static async at(browser, world) {
    const p = new Person()
    Object.assign(p, { world, asked: [], ...world.person() })
    p.context = await browser.createBrowserContext()
    p.page = await p.context.newPage()
    p.page.setDefaultTimeout(15_000)
    return p
  }

  leave() {
    return this.context.close()
  }

  /** open opens an address; asked is then what he was asked on the way. */
  async open(url) {
    this.asked = []
    await this.page.goto(url)
    await this.#answer()
  }

  /** press presses a button that leads to another page. */
  async press(selector) {
    this.asked = []
    await this.#follow(() => this.page.click(selector))
    await this.#answer()
  }

  /** json is what the app at hand answered with. */
  async json() {
    const text = await this.page.evaluate(() => document.body.innerText)
    try {
      return JSON.parse(text)
    } catch {
      throw new Error(`no answer of an app at ${this.page.url()}\n${text}`)
    }
  }

  get atTwofold() {
    return new URL(this.page.url()).origin === this.world.url
  }

  async #answer() {
    while (this.atTwofold) {
      const what = await this.#asks()
      if (!what || this.asked.includes(what)) throw new Error(`no way on from ${this.page.url()}\n${await this.page.evaluate(() => document.body.innerText)}`)
      this.asked.push(what)
      const values = what === 'password' ? { username: this.name, password } : { code: await this.world.inbox.code(what === 'sms' ? this.phone : this.email) }
      for (const [name, value] of Object.entries(values)) await this.page.type(`input[name=${name}]`, value)
      await this.#follow(() => this.page.keyboard.press('Enter'))
    }
  }

  async #asks() {
    if (await this.page.$('input[name=username]')) return 'password'
    if (await this.page.$('input[name=code]')) return (await this.page.content()).includes('Code by SMS') ? 'sms' : 'mail'
  }

  async #follow(act) {
    await Promise.all([this.page.waitForNavigation(), act()])
  }
}
