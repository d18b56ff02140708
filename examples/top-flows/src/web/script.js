"use strict";
// Replaces the main part of the page every two seconds, and requests completions. Without scripts
// the browser reloads the page.
(() => {
  const live = () => document.getElementById("live");
  let hovered = false;
  document.addEventListener("pointerover", (event) => {
    hovered = Boolean(event.target.closest && event.target.closest("#live td"));
  });
  async function refresh() {
    if (live().hasAttribute("data-still") || document.hidden) return;
    try {
      const part = location.pathname + (location.search || "?") + "&part=live";
      const answer = await fetch(part, { cache: "no-store" });
      if (!answer.ok && answer.status !== 400) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("live");
      // Do not move the element under the pointer.
      if (next && !hovered) live().replaceWith(next);
    } catch (error) {
      live().classList.add("away");
    }
  }
  setInterval(refresh, 2000);
  for (const input of document.querySelectorAll("form input[list]")) {
    let asked = 0;
    const offer = async () => {
      const number = ++asked;
      const query = new URLSearchParams({ field: input.name, text: input.value });
      const answer = await fetch("/api/complete?" + query, { cache: "no-store" });
      if (!answer.ok || number !== asked) return;
      const options = (await answer.json()).map((completion) => {
        const option = document.createElement("option");
        option.value = completion.text;
        option.label = completion.note;
        return option;
      });
      document.getElementById(input.getAttribute("list")).replaceChildren(...options);
    };
    input.addEventListener("input", () => offer().catch(() => {}));
    input.addEventListener("focus", () => offer().catch(() => {}));
  }
  document.body.classList.add("live");
})();
