// Passkeys, and the token of a letter's link. The pages that load it say all else without it.

const fromBase64 = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toBase64 = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const withId = (each) => ({ ...each, id: fromBase64(each.id) });

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Fault(said.fault ?? said.detail);
  return said;
}

class Fault extends Error {}

function tell(words) {
  const line = document.querySelector("[data-passkey-fault]");
  line.textContent = words;
  line.hidden = !words;
}

async function attempt(button, work) {
  tell("");
  button.disabled = true;
  try {
    location.assign((await work()).next);
  } catch (fault) {
    // What a browser says of a passkey that was not shown is for developers.
    tell(fault instanceof Fault ? fault.message : button.closest("[data-failed]").dataset.failed);
    button.disabled = false;
  }
}

async function show(path, next) {
  const { options } = await post(`${path}/options`);
  const shown = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: fromBase64(options.challenge),
      allowCredentials: options.allowCredentials?.map(withId),
    },
  });
  const { authenticatorData, clientDataJSON, signature, userHandle } = shown.response;
  const response = { authenticatorData, clientDataJSON, signature };
  if (userHandle) response.userHandle = userHandle;
  return post(path, { next, credential: plain(shown, response) });
}

async function make(path, name) {
  const { options } = await post(`${path}/options`);
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: fromBase64(options.challenge),
      user: withId(options.user),
      excludeCredentials: options.excludeCredentials?.map(withId),
    },
  });
  const { attestationObject, clientDataJSON } = made.response;
  return post(path, { name, credential: plain(made, { attestationObject, clientDataJSON }) });
}

const plain = (credential, response) => ({
  id: credential.id,
  rawId: toBase64(credential.rawId),
  type: credential.type,
  clientExtensionResults: credential.getClientExtensionResults(),
  response: Object.fromEntries(Object.entries(response).map(([name, bytes]) => [name, toBase64(bytes)])),
});

if (window.PublicKeyCredential) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", () => attempt(button, () => show(button.dataset.passkey, button.dataset.next)));
  }
}

document.querySelector("[data-new-passkey]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  attempt(form.querySelector("[type=submit]"), () => make(form.dataset.newPasskey, form.elements.name.value));
});

// The token of a link stands behind the #: it goes into the form and out of the address, the history and the screen.
const field = document.querySelector("[data-from-link]"), token = location.hash.slice(1);
if (field && token) {
  field.querySelector("input").value = token;
  field.hidden = true;
  history.replaceState(null, "", location.pathname);
  (document.querySelector("[name=password]") ?? field.form?.querySelector("button") ?? document.querySelector("main button"))?.focus();
}
