// Updates the page and changes modes. Without scripts the browser reloads the page every ten
// seconds.
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
  off: "No decisions are made; replicas do not change.",
  advise: "Decisions are made and shown; nothing is changed.",
  act: "Decisions are applied: replicas are added and removed.",
};

const MACHINES = {
  off: "No decisions are made; machines and orders in progress do not change.",
  advise: "Decisions are made and shown; no machine is ordered, drained or removed.",
  act: "Machines are ordered, drained and removed through the hook.",
};

// Assigned as text: names are untrusted.
function ask(service, pool, mode) {
  asked = { service, pool, mode };
  const subject = service ?? (pool === null ? "All services and pools" : `Pool ${pool}`);
  const meaning = pool === null ? MEANING : MACHINES;
  words.textContent = `${subject}: ${mode}. ${meaning[mode]}`;
  answer.textContent = "";
  dialog.showModal();
}

async function changeMode() {
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
    const response = await fetch(path, { method: "PUT", headers, body: JSON.stringify({ mode }) });
    if (response.ok) {
      if (token) {
        sessionStorage.setItem("token", token.value);
      }
      dialog.close();
      await renew();
      return;
    }
    if (response.status === 401) {
      answer.textContent = "Enter the token that is configured as http.token.";
      token?.focus();
      return;
    }
    const problem = await response.json().catch(() => ({}));
    answer.textContent = [problem.detail, problem.advice].filter(Boolean).join(" ")
      || `Request refused: status ${response.status}.`;
  } catch {
    answer.textContent = "elb does not answer.";
  }
}

// The page is not updated while the user types, selects text or presses a button.
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
    const response = await fetch(location.pathname + location.search);
    if (!response.ok) {
      throw new Error(response.status);
    }
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
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

// Marks the decision of the URL fragment; an updated list has no mark.
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
  changeMode();
});
dialog.querySelector("button[type=button]").addEventListener("click", () => dialog.close());
addEventListener("pointerdown", () => { isPressed = true; });
// The pressed element must exist until its click event.
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
