// Keeps the page as it is now, and switches modes. Without this the page is read as well: the
// browser then loads it anew every ten seconds.
"use strict";

const EVERY = 2000;
const dialog = document.getElementById("confirm");
const words = dialog.querySelector("p");
const answer = dialog.querySelector("output");
const token = dialog.querySelector("input");
let asked = null;
let isStill = false;
let isPressed = false;

const MEANING = {
  off: "Nothing is decided any more; what runs stays as it is.",
  advise: "Decisions are made and shown; nothing is changed.",
  act: "Decisions are carried out: replicas are added and taken away.",
};

const MACHINES = {
  off: "Nothing is decided about machines any more; what is under way stays as it is.",
  advise: "Decisions are made and shown; no machine is ordered, drained or given back.",
  act: "Machines are ordered, drained and given back, through the hook.",
};

// Text only: names are those of others.
function ask(service, pool, mode) {
  asked = { service, pool, mode };
  const whom = service ?? (pool === null ? "All services and pools" : `Machines ${pool}`);
  const meaning = pool === null ? MEANING : MACHINES;
  words.textContent = `${whom}: ${mode}. ${meaning[mode]}`;
  answer.textContent = "";
  dialog.showModal();
}

async function tell() {
  const { service, pool, mode } = asked;
  let path = "/api/v1/mode";
  if (service !== null) {
    path = `/api/v1/services/${encodeURIComponent(service)}/mode`;
  } else if (pool !== null) {
    path = `/api/v1/pools/${encodeURIComponent(pool)}/mode`;
  }
  const headers = { "Content-Type": "application/json", "X-Elb": "1" };
  if (token && token.value !== "") {
    headers.Authorization = `Bearer ${token.value}`;
  }
  try {
    const said = await fetch(path, { method: "PUT", headers, body: JSON.stringify({ mode }) });
    if (said.ok) {
      if (token) {
        sessionStorage.setItem("token", token.value);
      }
      dialog.close();
      await renew();
      return;
    }
    if (said.status === 401) {
      answer.textContent = "This takes the token that is configured as http.token.";
      token?.focus();
      return;
    }
    const problem = await said.json().catch(() => ({}));
    answer.textContent = [problem.detail, problem.advice].filter(Boolean).join(" ")
      || `It was refused: ${said.status}.`;
  } catch {
    answer.textContent = "elb does not answer.";
  }
}

// Somebody who presses something, marks text, writes, or wants to read in peace is not disturbed.
function isBusy() {
  const { activeElement } = document;
  return dialog.open || document.hidden || isPressed || activeElement?.matches("input")
    || String(getSelection()) !== "";
}

function byKey(key) {
  return document.querySelector(`[data-key="${CSS.escape(key)}"]`);
}

async function renew() {
  if (isBusy()) {
    return;
  }
  try {
    const said = await fetch(location.pathname + location.search);
    if (!said.ok) {
      throw new Error(said.status);
    }
    const fresh = new DOMParser().parseFromString(await said.text(), "text/html");
    if (isBusy()) {
      return;
    }
    const focused = document.activeElement?.dataset?.key;
    const opened = [...document.querySelectorAll("details[open][data-key]")];
    const keys = opened.map((details) => details.dataset.key);
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.querySelector("header").replaceWith(fresh.querySelector("header"));
    document.body.classList.remove("lost");
    keys.forEach((key) => byKey(key)?.setAttribute("open", ""));
    if (focused) {
      byKey(focused)?.focus({ preventScroll: true });
    }
    aim(false);
    hold(isStill);
  } catch {
    document.body.classList.add("lost");
  }
}

// The decision that the address leads to; a new list does not know.
function aim(isNew) {
  const aimed = document.getElementById(location.hash.slice(1));
  document.querySelectorAll(".aimed").forEach((old) => old.classList.remove("aimed"));
  aimed?.closest(".decisions li")?.classList.add("aimed");
  if (isNew) {
    aimed?.scrollIntoView({ block: "center" });
  }
}

function hold(still) {
  isStill = still;
  document.getElementById("still").setAttribute("aria-pressed", String(still));
}

if (token) {
  token.value = sessionStorage.getItem("token") ?? "";
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-mode]");
  if (button) {
    ask(button.dataset.service ?? null, button.dataset.pool ?? null, button.dataset.mode);
  }
  if (event.target.closest("#still")) {
    hold(!isStill);
  }
});
dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  tell();
});
dialog.querySelector("button[type=button]").addEventListener("click", () => dialog.close());
addEventListener("pointerdown", () => { isPressed = true; });
// What was pressed is still there when the click comes.
["pointerup", "pointercancel", "blur"].forEach((end) => {
  addEventListener(end, () => setTimeout(() => { isPressed = false; }, 100));
});
addEventListener("hashchange", () => aim(true));
document.body.classList.add("live");
aim(true);
setInterval(() => {
  if (!isStill) {
    renew();
  }
}, EVERY);
