// Enhancements only: every page works without this file. Nothing here writes markup from
// text, and nothing needs more than a policy of script-src 'self'.

const MINUTE = 60_000;
const SOON = 2 * MINUTE;
const TICK = 5 * MINUTE;

const speak = (sentence) => {
  const region = document.getElementById("os-live");
  if (region && sentence) region.textContent = sentence;
};

// The server's clock is the one that counts; a page brought back by "back" is too old to tell.
const clockSkew = (timer) => {
  const [navigation] = performance.getEntriesByType("navigation");
  if (!timer.dataset.now || navigation?.type === "back_forward") return 0;
  return Date.now() - Date.parse(timer.dataset.now);
};

const figure = (milliseconds) => {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};

const warn = (box) => {
  box.classList.add("soon");
  const use = box.querySelector("use");
  use?.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#hourglass-bottom"));
  for (const part of document.querySelectorAll("[data-when-soon]")) part.hidden = false;
};

// The words are the server's: one part of the page stands in for another.
const end = () => {
  for (const part of document.querySelectorAll("[data-when-soon], [data-while-kept]")) part.hidden = true;
  for (const part of document.querySelectorAll("[data-when-over]")) part.hidden = false;
};

const runHold = (timer) => {
  const until = Date.parse(timer.dataset.until) + clockSkew(timer);
  const box = timer.closest(".os-hold");
  const steps = [5, 2, 0].filter((minutes) => minutes === 0 || until - Date.now() > minutes * MINUTE);
  const left = timer.querySelector("[data-figure]") ?? timer;
  let interval = 0;
  const step = () => {
    const rest = until - Date.now();
    left.textContent = figure(rest);
    if (rest < SOON) warn(box);
    while (steps.length && rest <= steps[0] * MINUTE) {
      const said = steps.shift();
      if (!steps.length || rest > steps[0] * MINUTE) speak(timer.getAttribute(`data-say-${said}`));
    }
    if (rest > 0) return;
    clearInterval(interval);
    timer.hidden = true;
    end();
  };
  for (const part of document.querySelectorAll("[data-when-soon]")) part.hidden = true;
  timer.hidden = false;
  interval = setInterval(step, 1000);
  step();
};

const focusFirst = () => {
  const booking = location.hash === "#booking" ? "#booking h2" : null;
  const target = [".os-errors", booking, "[autofocus-heading]"]
    .map((selector) => selector && document.querySelector(selector))
    .find(Boolean);
  if (!target) return;
  target.setAttribute("tabindex", "-1");
  target.focus();
};

// The confirm page itself is the source of the dialog, so both always say the same.
const fetchConfirm = async (href) => {
  const answer = await fetch(href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[data-confirm]");
};

const showDialog = (body, opener) => {
  const dialog = document.createElement("dialog");
  dialog.className = "os-dialog";
  dialog.append(document.adoptNode(body));
  const heading = dialog.querySelector("h1");
  if (heading) {
    dialog.setAttribute("aria-labelledby", heading.id);
    heading.setAttribute("tabindex", "-1");
    heading.toggleAttribute("autofocus", !dialog.querySelector("[autofocus]"));
  }
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-keep]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
};

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Without a network the browser would put a page of its own in place of this one.
const sayAway = ({ target }) => {
  const place = target.closest("dialog") ?? document.querySelector("[data-notes]") ?? document.querySelector("main");
  document.querySelector("[data-away]")?.remove();
  const note = document.getElementById("os-away").content.firstElementChild.cloneNode(true);
  note.dataset.away = "";
  place.prepend(note);
  note.scrollIntoView({ block: "nearest" });
};

const stayIfAway = (event) => {
  if (navigator.onLine || event.defaultPrevented) return;
  event.preventDefault();
  sayAway(event);
};

const openConfirm = async (event) => {
  const link = event.target.closest("a[data-confirm-dialog]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    const body = await fetchConfirm(link.href);
    if (body) showDialog(body, link);
    else location.assign(link.href);
  } catch {
    sayAway({ target: link });
  }
};

const moveNow = (line) => {
  const start = Date.parse(line.dataset.start);
  const rows = Number(line.dataset.rows);
  const ticks = (Date.now() - start) / TICK;
  line.hidden = ticks < 0 || ticks >= rows;
  line.style.gridRow = String(Math.floor(Math.max(0, ticks)) + 1);
  line.style.insetBlockStart = `calc(var(--os-tick) * ${(ticks % 1).toFixed(3)})`;
};

const middle = (element) => {
  const box = element.getBoundingClientRect();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
};

const ARROWS = {
  ArrowRight: (from, to) => [to.x - from.x, Math.abs(to.y - from.y)],
  ArrowLeft: (from, to) => [from.x - to.x, Math.abs(to.y - from.y)],
  ArrowDown: (from, to) => [to.y - from.y, Math.abs(to.x - from.x)],
  ArrowUp: (from, to) => [from.y - to.y, Math.abs(to.x - from.x)],
};

// The nearest time in the arrow's direction as it lies on the screen, in every layout and script.
const nearest = (slot, measure) => {
  const from = middle(slot);
  const group = slot.closest(".os-days") ?? slot.closest(".os-slots");
  const others = [...group.querySelectorAll(".os-slot")].filter(
    (other) => other !== slot && other.getClientRects().length,
  );
  return others
    .map((other) => ({ other, way: measure(from, middle(other)) }))
    .filter(({ way: [ahead] }) => ahead > 8)
    .sort((one, two) => one.way[0] + 3 * one.way[1] - (two.way[0] + 3 * two.way[1]))[0]?.other;
};

const moveBetweenSlots = (event) => {
  const slot = event.target.closest(".os-slot");
  const measure = ARROWS[event.key];
  if (!slot || !measure || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const next = nearest(slot, measure);
  if (!next) return;
  event.preventDefault();
  next.focus();
};

// What decides which times are shown sends the form, as the button does that stands in for it.
const showAgain = (event) => {
  const button = document.getElementById(event.target.dataset?.showsAgain ?? "");
  button?.form.requestSubmit(button);
};

// The server may then say how far the reader's clock is from the centre's.
const rememberZone = () => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const name = document.documentElement.dataset.zoneCookie;
  const cookie = `${name}=${encodeURIComponent(zone ?? "")}`;
  if (!zone || !name || document.cookie.split("; ").includes(cookie)) return;
  // A browser keeps a cookie whose name begins so only from its host, by HTTPS (RFC 6265bis).
  const secure = name.startsWith("__Host-") ? "; Secure" : "";
  document.cookie = `${cookie}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
};

// Which day of the strip a phone shows.
const markDay = () => {
  const links = [...document.querySelectorAll(".os-strip a[href^='#d']")];
  const shown = links.find((link) => link.hash === location.hash) ?? links.find((link) => "open" in link.dataset);
  for (const link of links) link.removeAttribute("aria-current");
  shown?.setAttribute("aria-current", "date");
};

// A hundredth of a degree, about a kilometre, says enough.
const searchNear = ({ form, dataset }) => {
  const { near, where } = form.elements;
  const go = ({ coords }) => {
    near.value = [coords.latitude, coords.longitude].map((degrees) => degrees.toFixed(2)).join();
    where.value = "";
    where.setCustomValidity("");
    form.requestSubmit();
  };
  navigator.geolocation.getCurrentPosition(go, () => {
    where.setCustomValidity(dataset.failed);
    where.reportValidity();
    where.focus();
  });
};

rememberZone();
markDay();
addEventListener("hashchange", markDay);
for (const button of document.querySelectorAll("[data-near]")) {
  button.hidden = !("geolocation" in navigator);
  button.addEventListener("click", () => searchNear(button));
  const { where } = button.form.elements;
  button.form.querySelector("[type=submit]").addEventListener("click", () => where.setCustomValidity(""));
}
for (const timer of document.querySelectorAll("time[role=timer][data-until]")) runHold(timer);
for (const line of document.querySelectorAll(".os-cal .now[data-start]")) {
  moveNow(line);
  setInterval(() => moveNow(line), MINUTE);
}
document.addEventListener("keydown", moveBetweenSlots);
document.addEventListener("click", openConfirm);
document.addEventListener("submit", stayIfAway);
document.addEventListener("os-away", sayAway);
addEventListener("online", () => document.querySelector("[data-away]")?.remove());
document.addEventListener("change", showAgain);
for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;
// The browser's own jump to a #fragment drops the focus, and comes with the load event.
addEventListener("load", () => setTimeout(focusFirst));
