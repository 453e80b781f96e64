// The pages can be read without this. Two things it does: what a page marks with data-live is fetched again and again
// from that address and put in its place; a page that says data-again is loaded anew once it can be.
"use strict";
(() => {
  const BETWEEN = 2000;
  const get = (address) => fetch(address, { cache: "no-store", redirect: "error" });

  const follow = async (part) => {
    while (part.isConnected) {
      await new Promise((done) => setTimeout(done, BETWEEN));
      if (document.hidden) continue;
      try {
        const answer = await get(part.dataset.live);
        if (answer.status === 204) return location.reload(); // it is over: the whole page says something else
        if (!answer.ok) continue;
        const text = await answer.text();
        if (text !== part.innerHTML) part.innerHTML = text;
      } catch {
        // the server is away; it is asked again
      }
    }
  };

  const again = async (seconds) => {
    for (;;) {
      await new Promise((done) => setTimeout(done, seconds * 1000));
      try {
        if ((await get(location.href)).ok) return location.reload();
      } catch {
        // still away
      }
    }
  };

  document.querySelectorAll("[data-live]").forEach(follow);
  document.querySelectorAll("[data-again]").forEach((each) => again(Number(each.dataset.again)));
})();
