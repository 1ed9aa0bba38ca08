// Says so before a session ends, and hides what is about people when it has ended. The server
// decides: this file only asks it, and every page works without. Words are in _session.html.

const MINUTE = 60_000;
const WARNING = 3 * MINUTE;
const PATIENCE = MINUTE / 2;

const tabs = new BroadcastChannel("openslot-session");
const box = document.getElementById("os-session");

// Looking (GET) does not make the session last longer; staying (PUT) does.
const ask = async (method) => {
  const asked = Date.now();
  const answer = await fetch(box.dataset.address, {
    method,
    cache: "no-store",
    headers: { Accept: "application/json" },
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.status === 401) return 0;
  if (!answer.ok) throw new Error(String(answer.status));
  const { left, who } = await answer.json();
  return who === box.dataset.who ? asked + left * 1000 : 0;
};

const isTyped = (field) =>
  field.matches("textarea, input:is([type=text], [type=email], [type=tel], [type=search], :not([type]))") &&
  field.value && (field.value !== field.defaultValue || "sent" in box.dataset);

// What a press on the first button would send, without passwords and files: this and no more stays
// in the page, so that the server can return it after signing in.
const typedForm = () => {
  const form = [...document.querySelectorAll("main form[method=post]")].findLast((one) => [...one.elements].some(isTyped));
  if (!form) return null;
  const secret = new Set([...form.querySelectorAll("input[type=password]")].map(({ name }) => name));
  const button = form.querySelector("button:not([type=button]), input[type=submit]");
  const fields = [...new FormData(form, button)].filter(([name, value]) => typeof value === "string" && !secret.has(name));
  return { action: form.action, fields };
};

const fillIn = (form, { action, fields }) => {
  form.method = "post";
  form.action = action;
  for (const [name, value] of fields) {
    const field = document.createElement("textarea");
    Object.assign(field, { name, value, hidden: true });
    form.append(field);
  }
};

// Take everything out of the document; return what puts it back.
const clear = () => {
  const typed = typedForm();
  const { title } = document;
  const page = [...document.body.childNodes];
  const styles = [...document.head.querySelectorAll("style")];
  const over = document.getElementById("os-session-over");
  const panel = over.content.cloneNode(true);
  if (typed) {
    fillIn(panel.querySelector("form"), typed);
    panel.querySelector("[data-when-typed]").hidden = false;
  }
  document.title = over.dataset.title;
  for (const style of styles) style.remove();
  document.body.replaceChildren(panel);
  document.querySelector("h1").focus();
  return () => {
    document.title = title;
    document.head.append(...styles);
    document.body.replaceChildren(...page);
  };
};

const watch = () => {
  let ends = Date.now() + Number(box.dataset.left) * 1000;
  let bringBack = null;
  let dismissed = false;
  let over = false;
  let asking = null;
  const status = box.querySelector("[role=status]");
  const figure = box.querySelector("[role=timer]");

  const finish = () => {
    over = true;
    bringBack = null;
  };

  const settle = (until) => {
    ends = until;
    const rest = ends - Date.now();
    if (rest <= 0) {
      bringBack ??= clear();
      return finish();
    }
    bringBack?.();
    bringBack = null;
    if (rest > WARNING) {
      dismissed = false;
      status.textContent = "";
      box.close();
    }
  };

  // One question at a time; without an answer the page's own clock goes on.
  const look = (method = "GET") => {
    asking ??= ask(method).then(settle).finally(() => { asking = null; });
    return asking;
  };

  const warn = () => {
    const seconds = Math.ceil((ends - Date.now()) / 1000);
    figure.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds === 60) status.textContent = box.dataset.sayMinute;
    if (box.open || dismissed) return;
    box.showModal();
    look().catch(() => {});
  };

  const step = () => {
    if (over || bringBack) return;
    const rest = ends - Date.now();
    if (rest <= 0) {
      bringBack = clear();
      look().catch(() => {});
    } else if (rest <= WARNING) warn();
  };

  const stay = async () => {
    if (dismissed) return box.close();
    status.textContent = box.dataset.sayWait;
    await asking?.catch(() => {});
    try {
      await look("PUT");
    } catch {
      status.textContent = box.dataset.sayFailed;
      return;
    }
    tabs.postMessage({ who: box.dataset.who, ends });
    if (!box.open) return;
    status.textContent = box.dataset.sayLast;
    dismissed = true;
  };

  // A page that was hidden before the server could be asked may still be good.
  const goOn = async (event) => {
    if (!over && !bringBack) return;
    event.preventDefault();
    const form = event.target;
    try {
      if (!over) await look();
    } catch {
      document.querySelector("[role=alert]").textContent = box.dataset.sayFailed;
      return;
    }
    if (!over) return;
    if (form.method === "post") form.submit();
    else location.assign(form.action);
  };

  // Another tab used the session, or ended it, or signed in somebody else.
  const hear = ({ data }) => {
    if (over) return;
    if (data.who === box.dataset.who) settle(Math.max(ends, data.ends));
    else look().catch(() => {});
  };

  tabs.addEventListener("message", hear);
  box.querySelector("[data-stay]").addEventListener("click", stay);
  box.addEventListener("cancel", (event) => {
    event.preventDefault();
    stay();
  });
  document.addEventListener("submit", goOn);
  document.addEventListener("visibilitychange", step);
  addEventListener("pageshow", (event) => event.persisted && look().catch(() => {}));
  setInterval(step, 1000);
  step();
  tabs.postMessage({ who: box.dataset.who, ends });
};

if (box) watch();
else tabs.postMessage({ who: "", ends: 0 });
