// The front desk, quicker: presses without a new page, what has changed by itself, dragging and
// keys. Every page works without this file; the words and the parts of pages are the server's.

const MINUTE = 60_000;
const TYPED = 200;
const SPACE = 15_000;
const LEFT_ALONE = 120_000;
const PARTS = { "X-Desk": "1" };

const now = document.getElementById("desk-now");
const polled = document.querySelector("[data-poll]");
const NO_ID = "00000000-0000-0000-0000-000000000000";
let moving = null;

const parse = (text) => new DOMParser().parseFromString(text, "text/html");

const speak = (sentence) => {
  const region = document.getElementById("os-live");
  if (region && sentence) region.textContent = sentence;
};

// The focus stays on what is the same thing in the new part: the same link, or the same button.
const keyOf = (element) => element?.closest?.("#desk-now, #desk-note") && (element.href ?? `${element.name}=${element.value}`);

// Only what differs is replaced: a board has ten thousand elements, and a press changes a few.
const renew = (old, fresh) => {
  const [were, are] = [old, fresh].map((one) => [...one.childNodes]);
  if (were.length !== are.length) return old.replaceChildren(...are);
  were.forEach((one, place) => {
    const other = are[place];
    if (one.isEqualNode(other)) return;
    if (one.cloneNode().isEqualNode(other.cloneNode())) renew(one, other);
    else one.replaceWith(other);
  });
};

const replaceParts = (page) => {
  end();
  const [board, fresh] = [document, page].map((one) => one.querySelector(".os-board"));
  const fits = !board || !fresh || ["first", "last", "tick"].every((name) => board.dataset[name] === fresh.dataset[name]);
  if (!fits) return location.reload();
  const key = keyOf(document.activeElement);
  const place = board && [board.scrollLeft, board.scrollTop];
  for (const id of ["desk-figures", "desk-now"]) {
    const part = page.getElementById(id);
    if (part) renew(document.getElementById(id), part);
  }
  const note = page.getElementById("desk-note");
  if (note) document.getElementById("desk-note").replaceChildren(...note.childNodes);
  arrange();
  const again = document.querySelector(".os-board");
  if (place && again) [again.scrollLeft, again.scrollTop] = place;
  if (key) [...now.querySelectorAll("a, button")].find((one) => keyOf(one) === key)?.focus({ preventScroll: true });
};

// Of the address of the page, so that a reload shows the same without what was pressed.
const send = async (form, submitter) => {
  const body = new FormData(form, submitter);
  const answer = await fetch(form.action, { method: "POST", body, headers: PARTS });
  return parse(await answer.text());
};

const isForm = (page) => page.querySelector("[data-confirm]");

const within = (dialog, page) => {
  const body = isForm(page);
  if (!body) return false;
  dialog.replaceChildren(document.adoptNode(body));
  prepare(dialog);
  return true;
};

const prepare = (dialog) => {
  const wanted = [".os-errors", "[role=alert]", "[autofocus]", "h1"].map((one) => dialog.querySelector(one)).find(Boolean);
  if (!wanted?.matches("input, button")) wanted?.setAttribute("tabindex", "-1");
  wanted?.focus();
};

// What was asked before a press, or answers an earlier one late, knows nothing of it.
let presses = 0;
let unanswered = 0;
let shown = 0;

const press = async (form, submitter) => {
  const dialog = form.closest("dialog");
  const mine = ++presses;
  unanswered += 1;
  submitter?.setAttribute("aria-busy", "true");
  try {
    const page = await send(form, submitter);
    if (dialog && within(dialog, page)) return;
    if (!page.getElementById("desk-now")) throw new Error("not the board");
    dialog?.close();
    if (mine > shown) replaceParts(page);
    shown = Math.max(shown, mine);
  } catch (error) {
    if (error instanceof TypeError) form.dispatchEvent(new Event("os-away", { bubbles: true }));
    else location.assign(location.href);
  } finally {
    unanswered -= 1;
    submitter?.removeAttribute("aria-busy");
  }
};

const pressed = (event) => {
  const form = event.target;
  const is_ours = form.id === "marks" ? now : form.matches("dialog [data-inside]");
  if (!is_ours || !now || event.defaultPrevented) return;
  event.preventDefault();
  press(form, event.submitter);
};

// Matches come as one types; only they are replaced, so that nothing typed is lost.
let typing = 0;
const find = async (input) => {
  const form = input.form;
  const text = input.value.trim();
  if (text.length < 2) return;
  const page = await send(form, form.querySelector("button[value=find]"));
  const found = page.getElementById(input.dataset.types);
  const place = document.getElementById(input.dataset.types);
  if (found && place && input.value.trim() === text) place.replaceChildren(...found.childNodes);
};
const typed = (event) => {
  if (!event.target.matches("input[data-types]")) return;
  clearTimeout(typing);
  typing = setTimeout(() => find(event.target).catch(() => {}), TYPED);
};

// By itself: what has changed, unless somebody is in the middle of something.
let tag = null;
const look = async () => {
  if (document.hidden || moving || unanswered || document.querySelector("dialog[open]")) return;
  const before = presses;
  const headers = { Accept: "text/html", ...(tag && { "If-None-Match": tag }) };
  const answer = await fetch(polled.dataset.poll, { headers, cache: "no-store", redirect: "error" });
  if (answer.status === 304) return;
  if (!answer.ok) return;
  const page = parse(await answer.text());
  if (before !== presses) return;
  tag = answer.headers.get("ETag");
  if (polled === now) replaceParts(page);
  else polled.replaceChildren(...page.body.childNodes);
};

// The line of now; returns where it is.
const line = () => {
  const board = now?.querySelector(".os-board.today");
  if (!board) return 0;
  const { origin, first, last, tick } = board.dataset;
  const ticks = (Date.now() - Date.parse(origin)) / (5 * MINUTE);
  const place = Math.round((ticks - first) * tick);
  now.style.setProperty("--now", ticks < last ? `${place}px` : "-1rem");
  return place;
};
const arrange = () => line();

// From one entry to the next as they lie: up and down in a column, sideways to the nearest.
const STEPS = { ArrowUp: -1, ArrowDown: 1 };
const SIDES = { ArrowLeft: -1, ArrowRight: 1 };
const LINKS = ".ev > a, .gap > a";

const neighbour = (link, key) => {
  const column = link.closest(".col");
  if (key in STEPS) {
    const links = moving ? targets(moving) : [...column.querySelectorAll(LINKS)];
    return links[links.indexOf(link) + STEPS[key]];
  }
  if (moving) return null;
  const columns = [...column.parentElement.querySelectorAll(".col")];
  const turned = getComputedStyle(column).direction === "rtl" ? -1 : 1;
  const other = columns[columns.indexOf(column) + SIDES[key] * turned];
  return other && nearestOf([...other.querySelectorAll(LINKS)], link);
};

const nearestOf = (links, link) => {
  const { top } = link.getBoundingClientRect();
  const away = (one) => Math.abs(one.getBoundingClientRect().top - top);
  return links.sort((one, two) => away(one) - away(two))[0];
};

// Keys do what the buttons do; the server refuses what does not fit.
const KEYS = { a: "arrived", l: "late-10", r: "room", d: "done", n: "no-show" };
const markByKey = (link, name) => {
  const button = document.createElement("button");
  const form = document.getElementById("marks");
  Object.assign(button, { name, value: idOf(link), hidden: true });
  form.append(button);
  form.requestSubmit(button);
  button.remove();
};
const idOf = (link) => link.pathname.split("/").at(-1);

// Moving, by dragging or by M: the free times of the same schedule lead to the page that confirms.
const targets = (entry) => [...entry.closest(".os-board").querySelectorAll(".gap > a")].filter(
  (gap) => gap.closest(".col").dataset.schedule === entry.closest(".col").dataset.schedule,
);
const begin = (entry) => {
  moving = entry;
  entry.classList.add("moving");
  for (const gap of targets(entry)) gap.parentElement.classList.add("target");
};
const end = () => {
  moving?.classList.remove("moving");
  for (const one of document.querySelectorAll(".target")) one.classList.remove("target", "over");
  moving = null;
};
const moveTo = (gap) => {
  const page = moving.closest("[data-move]").dataset.move.replace(NO_ID, idOf(moving.querySelector("a")));
  const start = new URL(gap.href).searchParams.get("start");
  const schedule = moving.closest(".col").dataset.schedule;
  location.assign(`${page}?${new URLSearchParams({ schedule, start })}`);
};
const gapAt = (event) => event.target.closest?.(".target")?.querySelector("a");

const keyed = (event) => {
  if (event.key === "Escape" && moving) {
    const back = moving.querySelector("a");
    end();
    return back.focus();
  }
  const link = event.target.closest?.(LINKS);
  if (!link || event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.key in STEPS || event.key in SIDES) {
    const next = neighbour(link, event.key);
    if (!next) return;
    event.preventDefault();
    return next.focus();
  }
  const entry = link.closest(".ev");
  const key = event.key.toLowerCase();
  if (key === "u") return document.querySelector(".os-undo button")?.click();
  if (!entry || !now) return;
  if (key in KEYS) return markByKey(link, KEYS[key]);
  if (key === "m" && entry.draggable) {
    begin(entry);
    speak(now.dataset.moving.replace("{name}", entry.querySelector("b").textContent));
    nearestOf(targets(entry), link)?.focus();
  }
};

// Short entries cut their words off; the pointer shows them whole.
const tell = (event) => {
  const link = event.target.closest?.(".ev > a");
  if (link) link.title = link.textContent.replace(/\s+/g, " ").trim();
};

document.addEventListener("pointerover", tell);
document.addEventListener("submit", pressed);
document.addEventListener("input", typed);
document.addEventListener("keydown", keyed);
document.addEventListener("click", (event) => {
  const gap = moving && gapAt(event);
  if (!gap) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  moveTo(gap);
}, true);
document.addEventListener("dragstart", (event) => {
  const entry = event.target.closest?.(".ev[draggable]");
  if (!entry) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", "");
  begin(entry);
});
document.addEventListener("dragover", (event) => {
  const gap = moving && gapAt(event);
  for (const one of document.querySelectorAll(".over")) one.classList.remove("over");
  if (!gap) return;
  event.preventDefault();
  gap.parentElement.classList.add("over");
});
document.addEventListener("drop", (event) => {
  const gap = moving && gapAt(event);
  if (!gap) return;
  event.preventDefault();
  moveTo(gap);
});
document.addEventListener("dragend", end);
if (polled) setInterval(() => look().catch(() => {}), Number(polled.dataset.every) * 1000);
// The check-in is ready for the next person: soon after thanking, and when what was typed is left.
const back = document.querySelector("[data-return]");
let leaving = 0;
const leave = () => {
  clearTimeout(leaving);
  leaving = setTimeout(() => location.assign(back.dataset.return), back.matches("form") ? LEFT_ALONE : SPACE);
};
back?.addEventListener("input", leave);
if (back && (!back.matches("form") || document.querySelector(".os-errors"))) leave();
const height = line();
const board = document.querySelector(".os-board");
if (board && height) board.scrollTop = height - board.clientHeight / 3;
if (now) setInterval(line, MINUTE);
