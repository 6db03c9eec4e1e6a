// What the sign-in pages gain by script. Each works without it.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const first = (selector, root = document) => root.querySelector(selector);

// Password fields can be shown. The button is hidden without script.
function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const { hide, hideLabel } = button.dataset;
  const [word, label] = [button.textContent, button.getAttribute('aria-label')];
  const show = (on) => {
    input.type = on ? 'text' : 'password';
    button.textContent = on ? hide : word;
    button.setAttribute('aria-label', on ? hideLabel : label);
  };
  button.hidden = false;
  button.addEventListener('click', () => { show(input.type === 'password'); input.focus(); });
  input.form.addEventListener('submit', () => show(false)); // so that browsers offer to keep it
}

// A code may be pasted with spaces; the field shows it without.
function codeField(input) {
  input.addEventListener('input', (event) => {
    if (event.isComposing) return;
    const clean = input.value.replace(/[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '');
    if (clean === input.value) return;
    const end = input.selectionEnd - (input.value.length - clean.length);
    input.value = clean;
    input.setSelectionRange(Math.max(end, 0), Math.max(end, 0));
  });
}

// A second click must not post twice. The lock opens when the page comes back
// from the browser's memory, and by itself in case the answer never comes.
function guard(form) {
  let locked = 0;
  form.addEventListener('submit', (event) => {
    if (Date.now() < locked) { event.preventDefault(); return; }
    locked = Date.now() + 8000;
    form.setAttribute('aria-busy', 'true');
    setTimeout(open, 8000);
  });
  const open = () => { locked = 0; form.removeAttribute('aria-busy'); };
  addEventListener('pageshow', (event) => { if (event.persisted) open(); });
}

// "Send the code again" opens when its time has come.
function resend(button) {
  const wait = first('[data-wait]', button.parentElement);
  let until = 0;
  let timer = 0;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    wait.textContent = left > 0 ? wait.dataset.wait.replace('{time}', time) : '';
    if (left <= 0) { clearInterval(timer); timer = 0; }
  };
  const start = (seconds) => {
    until = Date.now() + seconds * 1000;
    if (!timer) timer = setInterval(tick, 500);
    tick();
  };
  start(Number(button.dataset.resendIn) || 0);
  return start;
}

// Texts to keep can be copied, one a line, and printed.
function copy(button) {
  const word = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    const lines = all('li', document.getElementById(button.dataset.copy)).map((line) => line.textContent);
    try { await navigator.clipboard.writeText(lines.join('\n')); } catch { return; }
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = word; }, 2000);
  });
}

function print(button) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}

const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
const visible = () => new Promise((done) => {
  if (!document.hidden) { done(); return; }
  document.addEventListener('visibilitychange', done, { once: true });
});

// ask fetches a status: null when there is none any more, undefined for now.
async function ask(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: 'application/json' }, cache: 'no-store', redirect: 'error' });
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) return null; // over, or not ours
    return answer.ok ? await answer.json() : undefined;
  } catch { return undefined; }
}

// What is settled elsewhere posts its form by itself, once: not after a wrong answer.
async function settle(form) {
  for (let asked = 0; asked < 150 && !first('[role="alert"], .wrong'); asked += 1) {
    await sleep(2000);
    await visible();
    const status = await ask(form.dataset.poll);
    if (status === null) return;
    if (status?.settled) { form.requestSubmit(first('button[value="answer"]', form)); return; }
  }
}

// Delivery is asked for while it is under way, ever more slowly, for two
// minutes at most and only while somebody looks.
async function delivery(box, restart) {
  const url = box.dataset.status;
  let pause = 1000;
  for (let asked = 0; asked < 30 && url && box.dataset.state === 'sending'; asked += 1) {
    await sleep(pause);
    await visible();
    pause = Math.min(pause * 1.3, 5000);
    const status = await ask(url);
    if (status === null) return;
    if (!status) continue;
    if (!['sending', 'sent', 'failed'].includes(status.state)) return;
    const words = first('[data-words]', box);
    if (status.text && status.text !== words.textContent) words.textContent = status.text;
    box.dataset.state = status.state;
    if (restart && Number.isFinite(status.resend_in)) restart(status.resend_in);
  }
}

all('[data-reveal]').forEach(reveal);
all('[data-code]').forEach(codeField);
all('form[data-guard]').forEach(guard);
all('[data-copy]').forEach(copy);
all('[data-print]').forEach(print);

const button = first('[data-resend-in]');
const restart = button && resend(button);
all('.delivery').forEach((box) => delivery(box, restart));
all('form[data-poll]').forEach(settle);

// Some browsers ignore autofocus after a redirect.
addEventListener('load', () => requestAnimationFrame(() => {
  const active = document.activeElement;
  if (!active || active === document.body) first('[autofocus]')?.focus();
}));

// The answer of a sign-in goes to the app by itself.
const leaving = first('form[data-autosubmit]');
if (leaving) HTMLFormElement.prototype.submit.call(leaving);
