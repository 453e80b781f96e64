// The pages can be read without this. In Airflow's own frame it does two things that the frame cannot: it follows
// Airflow's light or dark mode, and lets links to other pages of Airflow leave the frame, whose sandbox holds them.
"use strict";
(() => {
  if (window.parent === window) return;
  let airflow;
  try {
    airflow = window.parent.document;
  } catch {
    return; // the frame of somebody else
  }
  const follow = () => {
    const mode = ["dark", "light"].find((each) => airflow.documentElement.classList.contains(each));
    if (mode) document.documentElement.dataset.mode = mode;
  };
  follow();
  new MutationObserver(follow).observe(airflow.documentElement, { attributeFilter: ["class"] });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target=_top]");
    if (!link) return;
    event.preventDefault();
    const outer = airflow.createElement("a");
    outer.href = link.href;
    airflow.body.append(outer);
    outer.click();
    outer.remove();
  });
})();
