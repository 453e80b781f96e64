"use strict";
// Asks for a page's moving part again and again, and puts it in place of the old one. Without it, pages have a link.
(() => {
  const region = document.getElementById("live");
  const bar = document.querySelector("[data-live-bar]");
  if (!region || !bar || !region.dataset.live) return;

  const state = bar.querySelector("[data-live-state]");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const usual = Number(region.dataset.seconds);
  const SAY_SECONDS = 30;
  const LONGEST_SECONDS = 15;
  let isPaused = false;
  let failures = 0;
  let timer = 0;
  let said = Date.now();
  let etag = "";

  const button = document.createElement("button");
  button.type = "button";
  bar.querySelector("a").replaceWith(button);

  // Few movements for those who ask for it, and fewer requests for a server in trouble.
  const pause = () => {
    const seconds = calm.matches ? Math.max(usual, 10) : usual;
    return failures ? Math.min(seconds * 2 ** failures, Math.max(LONGEST_SECONDS, seconds)) : seconds;
  };

  const show = () => {
    button.textContent = isPaused ? "Go on" : "Pause";
    bar.classList.toggle("is-live", !isPaused && !failures);
    bar.classList.toggle("is-lost", !isPaused && failures > 0);
    if (isPaused) tell("Paused.");
    else if (!failures) tell(pause() < 60 ? `Moves every ${pause()} seconds.` : "Moves by itself.");
  };

  // A live region that is written anew is read out: only what is new is written.
  const tell = (text) => { if (state.textContent !== text) state.textContent = text; };

  const later = () => {
    clearTimeout(timer);
    if (!isPaused && !document.hidden) timer = setTimeout(look, pause() * 1000);
  };

  const place = (html) => {
    const open = [...region.querySelectorAll("details[open]")].map((each) => each.id);
    const scrolls = [...region.querySelectorAll(".wide")].map((each) => each.scrollLeft);
    const focused = region.contains(document.activeElement) ? mark(document.activeElement) : null;
    region.innerHTML = html;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    region.querySelectorAll(".wide").forEach((each, index) => { each.scrollLeft = scrolls[index] || 0; });
    if (focused) [...region.querySelectorAll(focused.tag)].find((each) => mark(each).text === focused.text)?.focus({ preventScroll: true });
  };

  const mark = (element) => ({
    tag: element.tagName.toLowerCase(),
    text: (element.getAttribute("href") || "") + (element.getAttribute("aria-label") || "") + element.textContent.slice(0, 40),
  });

  const look = async () => {
    try {
      const answer = await fetch(region.dataset.live, {
        headers: etag ? { "If-None-Match": etag } : {},
        cache: "no-store",
        signal: AbortSignal.timeout(10000),
      });
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(String(answer.status));
        const html = await answer.text();
        if (isPaused) return;
        etag = answer.headers.get("ETag") || "";
        // Whoever points at a chart reads it: it goes on moving when the pointer has left.
        if (!region.querySelector("svg.chart:hover")) place(html);
        else etag = "";
      }
      failures = 0;
      show();
      const text = region.querySelector("[data-say]");
      if (text && usual < 60 && Date.now() - said > SAY_SECONDS * 1000) {
        said = Date.now();
        tell(text.textContent);
      }
    } catch {
      failures = Math.min(failures + 1, 6);
      show();
      tell("No answer. What is shown is the last there was; it is tried again by itself.");
    }
    later();
  };

  button.addEventListener("click", () => {
    isPaused = !isPaused;
    show();
    if (isPaused) clearTimeout(timer);
    else look();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
  show();
  later();
})();
