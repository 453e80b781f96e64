// Shows an answer under its form; without this script the browser shows it by itself, and the fields that may stay empty
// cannot be filled in: a browser would send them, and an empty text is a value.
"use strict";

function show(place, parts) {
  place.replaceChildren(...parts);
}

function paragraph(text, kind) {
  const found = document.createElement("p");
  found.textContent = text;
  if (kind) found.className = kind;
  return found;
}

function whole(text) {
  const found = document.createElement("pre");
  found.tabIndex = 0;
  found.textContent = text;
  return found;
}

async function read(address, place) {
  show(place, [paragraph("Reading…", "none")]);
  let answer;
  try {
    answer = await fetch(address, { headers: { Accept: "application/json" } });
  } catch (error) {
    show(place, [paragraph("The app does not answer. Check that it runs, then read again.", "bad")]);
    return;
  }
  const text = await answer.text();
  let found = null;
  try {
    found = JSON.parse(text);
  } catch (error) {
    // An answer of something between us and the app.
  }
  const parts = [paragraph(`${answer.status} ${decodeURIComponent(address.replaceAll("+", " "))}`, answer.ok ? "good" : "bad")];
  if (found && found.detail) parts.push(paragraph(found.detail));
  parts.push(whole(found ? JSON.stringify(found, null, 2) : text));
  if (found && found.next_page) {
    const more = document.createElement("button");
    more.type = "button";
    more.textContent = "Next page";
    more.addEventListener("click", () => {
      const next = new URL(address, window.location);
      next.searchParams.set("page", found.next_page);
      read(next.pathname + next.search, place);
    });
    parts.push(more);
  }
  show(place, parts);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll("form.try input:disabled")) field.disabled = false;
  for (const form of document.querySelectorAll("form.try")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = new URLSearchParams();
      for (const [name, value] of new FormData(form)) if (value !== "") given.append(name, value);
      read(`${form.getAttribute("action")}?${given}`, form.nextElementSibling);
    });
  }
});
