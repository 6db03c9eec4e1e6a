// What the pages of the demo gain by script. Each works without it.

const first = (selector, root = document) => root.querySelector(selector);

// Codes and passwords can be copied with one click. A browser lends its
// clipboard to https and to localhost only.
function copier(code) {
  if (!navigator.clipboard || code.nextElementSibling) return;
  const button = document.createElement('button');
  const say = (verb) => {
    button.textContent = verb;
    button.setAttribute('aria-label', `${verb} ${code.dataset.what}`);
  };
  button.type = 'button';
  button.className = 'copy';
  say('Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.dataset.copy);
      say('Copied');
    } catch {
      getSelection().selectAllChildren(code);
      say('Selected');
    }
    setTimeout(() => say('Copy'), 2000);
  });
  code.after(button);
}
const copiers = () => document.querySelectorAll('[data-copy]').forEach(copier);

// New messages show by themselves. The list is drawn by the server alone: when
// the feed has changed, the page is fetched and its list put in place.
async function refresh() {
  const old = first('#mailbox');
  const feed = await fetch(old.dataset.feed, { headers: { Accept: 'application/json' }, cache: 'no-store' });
  if (!feed.ok) return;
  const newest = (await feed.json())[0];
  if (!newest || newest.id === old.dataset.newest) return;
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
  if (!answer.ok) return;
  const fresh = first('#mailbox', new DOMParser().parseFromString(await answer.text(), 'text/html'));
  if (!fresh) return;
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  const where = held && { id: held.closest('li')?.id, href: held.getAttribute('href') };
  old.replaceWith(fresh);
  copiers();
  if (where) keepFocus(fresh, where);
  first('#arrivals').textContent = `New message to ${newest.to}${newest.code ? `, code ${newest.code}` : ''}`;
}

// Whoever was on a button or a link of the list is on the same one afterwards.
function keepFocus(list, where) {
  const item = where.id && document.getElementById(where.id);
  const link = where.href && [...list.querySelectorAll('a')].find((a) => a.getAttribute('href') === where.href);
  (link || (item && first('button', item)))?.focus({ preventScroll: true });
}

const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
const visible = () => new Promise((done) => {
  if (!document.hidden) { done(); return; }
  document.addEventListener('visibilitychange', done, { once: true });
});

async function watch() {
  for (;;) {
    await sleep(1500);
    await visible();
    try { await refresh(); } catch { await sleep(5000); } // the demo was stopped, perhaps
  }
}

copiers();
if (first('#mailbox')) watch();
