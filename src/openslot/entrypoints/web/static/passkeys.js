// Asks the browser for a passkey, and sends what it answers as a form: see _passkey.html. Pages
// work without this file, by password and code. The words are the server's.

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const text = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const withId = (described) => ({ ...described, id: bytes(described.id) });

// JSON has no bytes: the server writes them in base64url (WebAuthn, level 3, section 5.1).
const optionsOf = (form) => {
  const options = JSON.parse(form.dataset.options);
  options.challenge = bytes(options.challenge);
  options.allowCredentials = options.allowCredentials?.map(withId);
  options.excludeCredentials = options.excludeCredentials?.map(withId);
  if (options.user) options.user = withId(options.user);
  return { publicKey: options };
};

const written = ({ id, rawId, type, response }) => {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = parts.filter((part) => response[part]).map((part) => [part, text(response[part])]);
  const answer = { id, rawId: text(rawId), type, response: Object.fromEntries(given), clientExtensionResults: {} };
  return JSON.stringify(answer);
};

const send = async (event) => {
  const form = event.currentTarget;
  const failed = form.querySelector("[data-passkey-failed]");
  event.preventDefault();
  failed.hidden = true;
  try {
    const credential = await navigator.credentials[form.dataset.passkey](optionsOf(form));
    form.elements.credential.value = written(credential);
    form.submit();
  } catch {
    failed.hidden = false;
  }
};

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", send);
    form.hidden = false;
  }
  for (const part of document.querySelectorAll("[data-passkeys]")) part.hidden = false;
  if (document.querySelector("form[data-passkey]")) {
    for (const part of document.querySelectorAll("[data-no-passkeys]")) part.hidden = true;
  }
}
