// What the admin pages gain by script. Each works without it.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const first = (selector, root = document) => root.querySelector(selector);
const typing = (element) => element.closest('input, select, textarea, [contenteditable]');

// "/" and Ctrl or Cmd K lead to the search field that can be seen.
addEventListener('keydown', (event) => {
  const slash = event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target);
  const k = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (!slash && !k) return;
  event.preventDefault();
  let field = all('[data-find]').find((e) => e.checkVisibility());
  if (!field) {
    const fold = first('[data-fold]');
    if (!fold) return;
    fold.open = true;
    field = first('[data-find]', fold);
  }
  field.focus();
  field.select();
});

// Menus close on Escape and on a click elsewhere.
addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  all('[data-menu][open], [data-fold][open]').forEach((menu) => {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) first('summary', menu).focus();
  });
});
addEventListener('click', (event) => {
  all('[data-menu][open]').forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
});

// A choice by pointer is made at once. By keyboard it waits for the button, since
// arrow keys change a select step by step.
function go(select) {
  let pointed = false;
  select.addEventListener('pointerdown', () => { pointed = true; });
  select.addEventListener('keydown', () => { pointed = false; });
  select.addEventListener('change', () => { if (pointed) select.form.requestSubmit(); });
}

// The whole row leads where its name does.
function rows(table) {
  table.classList.add('rows-lead');
  const follow = (event) => {
    const row = event.target.closest('[data-row]');
    if (!row || event.target.closest('a, button, input, select, label, summary') || !getSelection().isCollapsed) return;
    const link = first('th a', row);
    if (!link) return;
    if (event.button === 1 || event.ctrlKey || event.metaKey) open(link.href, '_blank', 'noopener');
    else link.click();
  };
  table.addEventListener('click', follow);
  table.addEventListener('auxclick', (event) => { if (event.button === 1) follow(event); });
}

// Rows are counted as they are chosen, all by one box, many with Shift.
function picks(list) {
  const boxes = all('[data-pick]', list);
  const whole = first('[data-pick-all]', list);
  const words = first('[data-picked]', list);
  if (!whole || !words) return;
  const count = () => {
    const n = boxes.filter((box) => box.checked).length;
    whole.checked = n > 0 && n === boxes.length;
    whole.indeterminate = n > 0 && n < boxes.length;
    words.textContent = n > 0 ? `${n} chosen` : '';
  };
  let last = null;
  whole.hidden = false;
  whole.addEventListener('change', () => { boxes.forEach((box) => { box.checked = whole.checked; }); count(); });
  boxes.forEach((box, i) => box.addEventListener('click', (event) => {
    if (event.shiftKey && last !== null) {
      boxes.slice(Math.min(i, last), Math.max(i, last) + 1).forEach((other) => { other.checked = box.checked; });
    }
    last = i;
    count();
  }));
  addEventListener('pageshow', count); // the browser remembers what was chosen
  count();
}

function copy(button) {
  const word = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    try { await navigator.clipboard.writeText(button.dataset.copyText); } catch { return; }
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = word; }, 2000);
  });
}

// A region that does not scroll needs no stop of the Tab key.
function regions() {
  all('.sheet[role=region]').forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute('tabindex');
  });
}

// What was typed and not saved is asked about before the page goes.
function dirty(form) {
  let changed = false;
  form.addEventListener('input', () => { changed = true; });
  form.addEventListener('submit', () => { changed = false; });
  addEventListener('beforeunload', (event) => { if (changed) event.preventDefault(); });
}

const colour = /^#[0-9a-f]{6}$/i;

function picker(box) {
  const field = document.getElementById(box.dataset.colour);
  box.hidden = false;
  box.addEventListener('input', () => {
    field.value = box.value;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  field.addEventListener('input', () => { if (colour.test(field.value)) box.value = field.value.toLowerCase(); });
}

// The samples of a sign-in page follow the form beside them.
function samples(box) {
  const field = (name) => (name ? document.getElementsByName(name)[0] : null);
  const fields = [field(box.dataset.sampleName), field(box.dataset.sampleAccent), field(box.dataset.sampleLogo)];
  const [nameField, accentField, logoField] = fields;
  const given = all('[data-sample=name]', box)[0].textContent;
  nameField?.addEventListener('input', () => {
    const name = nameField.value.trim() || given;
    all('[data-sample=name]', box).forEach((e) => { e.textContent = name; });
    all('[data-sample=initial]', box).forEach((e) => { e.textContent = (name.match(/[\p{L}\p{N}]/u) ?? ['T'])[0].toUpperCase(); });
  });
  let timer = 0;
  accentField?.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!colour.test(accentField.value)) return;
      const old = first('[data-sample-sheet]', box);
      const sheet = document.createElement('link');
      sheet.rel = 'stylesheet';
      sheet.href = `/assets/sample-${accentField.value.slice(1).toLowerCase()}.css`;
      sheet.dataset.sampleSheet = '';
      sheet.addEventListener('load', () => old?.remove());
      box.append(sheet);
    }, 150);
  });
  logoField?.addEventListener('change', () => {
    const file = logoField.files[0];
    if (!file) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => all('[data-sample=logo], [data-sample=initial]', box).forEach((e) => {
      const picture = document.createElement('img');
      picture.className = 'mark';
      picture.alt = '';
      picture.src = reader.result;
      picture.dataset.sample = 'logo';
      e.replaceWith(picture);
    }));
    reader.readAsDataURL(file);
  });
}

// A job is followed in place: only what has changed is drawn anew, and the focus
// stays on the same button.
async function job(box) {
  let pause = Number(box.dataset.refresh) * 1000;
  while (pause > 0) {
    await new Promise((done) => { setTimeout(done, pause); });
    if (document.hidden) await new Promise((done) => { document.addEventListener('visibilitychange', done, { once: true }); });
    let answer;
    try { answer = await fetch(location.href, { cache: 'no-store', redirect: 'manual' }); } catch { continue; }
    if (answer.type === 'opaqueredirect' || answer.status === 401 || answer.status === 404) { location.reload(); return; }
    if (!answer.ok) continue;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = first('.job', page);
    if (!fresh) { location.reload(); return; }
    all('[data-live]', box).forEach((old) => renew(old, first(`[data-live=${old.dataset.live}]`, fresh)));
    renew(first('.headline'), first('.headline', page));
    document.title = page.title;
    pause = Number(fresh.dataset.refresh ?? 0) * 1000;
  }
}

function renew(old, fresh) {
  if (!fresh || old.outerHTML === fresh.outerHTML) return;
  if (old.tagName === 'PROGRESS') {
    old.max = fresh.max;
    old.value = fresh.value;
    return;
  }
  const stops = (root) => all('a, button', root);
  const at = stops(old).indexOf(document.activeElement);
  old.replaceChildren(...fresh.childNodes);
  if (at >= 0) (stops(old)[at] ?? stops(old)[0])?.focus();
}

all('[data-go]').forEach(go);
all('table:has([data-row])').forEach(rows);
all('[data-list]').forEach(picks);
all('[data-copy-text]').forEach(copy);
all('form[data-dirty]').forEach(dirty);
all('[data-colour]').forEach(picker);
all('.samples').forEach(samples);
all('[data-refresh]').forEach(job);
regions();
addEventListener('resize', regions);
