// Asks the browser for a passkey and sends its answer with the form "answer".
// The form's data-prompt says what to ask: {mode, publicKey, texts}.

const form = document.getElementById('answer');
const { mode, publicKey, texts } = JSON.parse(form.dataset.prompt);
const words = texts[document.documentElement.lang.slice(0, 2)] ?? texts.en ?? Object.values(texts)[0];
const button = form.querySelector('button[name="do"][value="answer"]');
const supported = Boolean(window.PublicKeyCredential && navigator.credentials);

// Bytes travel as base64url.
const toBytes = (s) => Uint8Array.from(atob(s.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const toText = (buffer) => btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(''))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

const withBytes = (entry) => ({ ...entry, id: toBytes(entry.id) });

function options() {
  const o = { ...publicKey, challenge: toBytes(publicKey.challenge) };
  if (o.user) o.user = withBytes(o.user);
  for (const list of ['allowCredentials', 'excludeCredentials']) if (o[list]) o[list] = o[list].map(withBytes);
  return o;
}

function written(credential) {
  const r = credential.response;
  const response = { clientDataJSON: toText(r.clientDataJSON) };
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (r[name]) response[name] = toText(r[name]);
  }
  if (r.getTransports) response.transports = r.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    response,
  });
}

let notice = null;

function hush() {
  notice?.remove();
  notice = null;
}

// Readers are told what is put into an alert that is there already.
function say(sentence) {
  hush();
  notice = document.getElementById('alert')?.content.firstElementChild.cloneNode(true) ?? plain();
  form.before(notice);
  notice.querySelector('p').textContent = sentence;
}

// plain is an alert for a page that has no pattern for one.
function plain() {
  const box = document.createElement('div');
  box.className = 'notice bad';
  box.setAttribute('role', 'alert');
  box.append(document.createElement('p'));
  return box;
}

function why(error) {
  switch (error.name) {
    case 'NotAllowedError': return document.hasFocus() ? words.cancelled : words.background;
    case 'InvalidStateError': return words.exists;
    case 'SecurityError': return words.address;
    case 'NotSupportedError':
    case 'ConstraintError': return words.unsupported;
    default: return words.failed;
  }
}

// A form that a script submits fires no event and has no button.
function send(credential) {
  button.disabled = true;
  for (const [name, value] of [['credential', written(credential)], ['do', 'answer']]) {
    const input = document.createElement('input');
    Object.assign(input, { type: 'hidden', name, value });
    input.dataset.passkey = '';
    form.append(input);
  }
  HTMLFormElement.prototype.submit.call(form);
}

let current = null; // what the browser is asked at the moment, if anything

// The browser takes one question at a time: a new one waits for the end of the last.
async function ask(extra = {}) {
  const last = current;
  const abort = new AbortController();
  let end;
  const mine = { abort, ended: new Promise((done) => { end = done; }) };
  current = mine;
  last?.abort.abort();
  await last?.ended;
  try {
    if (current !== mine) return;
    const call = { publicKey: options(), signal: abort.signal, ...extra };
    const credential = await (mode === 'create' ? navigator.credentials.create(call) : navigator.credentials.get(call));
    if (current === mine) send(credential);
  } catch (error) {
    if (current === mine) throw error; // else it has been replaced
  } finally {
    if (current === mine) current = null;
    end();
  }
}

async function clicked() {
  hush();
  if (!supported) { say(words.unsupported); return; }
  try { await ask(); } catch (error) {
    say(why(error));
    button.textContent = words.again;
    offer();
  }
}

// A name field that says so lists passkeys beside names.
async function offer() {
  if (mode !== 'identify' || !document.querySelector('input[autocomplete~="webauthn"]')) return;
  if (!await window.PublicKeyCredential?.isConditionalMediationAvailable?.() || current) return;
  try { await ask({ mediation: 'conditional' }); } catch { /* nobody has asked for it */ }
}

// A passkey is asked for at once where somebody has just come for that. Not when the
// last answer was wrong, which would go round in circles, nor on the way back. Some
// browsers want a click first: then the page waits for it and says nothing.
async function begin() {
  const came = performance.getEntriesByType('navigation')[0]?.type === 'navigate';
  if (!came || !document.hasFocus() || document.querySelector('[role="alert"]')) return;
  try { await ask(); } catch { /* the button is there */ }
}

button.addEventListener('click', (event) => { event.preventDefault(); clicked(); });
addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  for (const input of form.querySelectorAll('[data-passkey]')) input.remove();
  button.disabled = false;
  offer();
});

if (!supported && mode !== 'identify') say(words.unsupported);
else if (mode === 'get') begin();
else offer();
