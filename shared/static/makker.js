// What a page does in the browser: the menu on a phone, people's names, parts that do not answer, forms sent once.
// Without it every page can still be read and every form sent. It stores nothing, and asks its own address alone.
"use strict";

document.documentElement.classList.add("js");

(() => {
  const NAMES_URL = "/intake/api/people/names";
  const NAMES_WAIT_MILLISECONDS = 150;

  // Names that have been answered, by person; null where intake did not give one.
  const names = new Map();
  let namesTimer;

  function showNames() {
    for (const place of document.querySelectorAll("[data-person]")) {
      const name = names.get(place.dataset.person);
      if (name === undefined) continue;
      if (name === null) place.title = document.body.dataset.nameHidden;
      else place.textContent = name;
      place.removeAttribute("data-person");
    }
  }

  async function fetchNames() {
    const places = [...document.querySelectorAll("[data-person]")];
    const ids = [...new Set(places.map((place) => place.dataset.person))].filter((id) => !names.has(id));
    if (ids.length > 0) {
      const headers = { "Content-Type": "application/json", Accept: "application/json" };
      const token = document.body.dataset.namesToken;
      if (token) headers.Authorization = `Bearer ${token}`;
      let known = {};
      try {
        const answer = await fetch(NAMES_URL, { method: "POST", headers, body: JSON.stringify({ ids }) });
        if (answer.ok) known = (await answer.json()).names;
      } catch {
        // Intake is away: what the person is to the case stays where the name would stand.
      }
      for (const id of ids) names.set(id, known[id] ?? null);
    }
    showNames();
  }

  // Parts of a page arrive one after the other; each question for names is logged, so they are gathered into one.
  function askForNamesSoon() {
    clearTimeout(namesTimer);
    namesTimer = setTimeout(fetchNames, NAMES_WAIT_MILLISECONDS);
  }

  function setPartDown(part, isDown) {
    part.querySelector(".mk-fragment-loading")?.toggleAttribute("hidden", isDown);
    part.querySelector(".mk-fragment-down")?.toggleAttribute("hidden", !isDown);
  }

  function partDown(event) {
    const part = event.target.closest("[data-fragment]");
    if (part) setPartDown(part, true);
  }

  // A part that was answered by another page, as the sign-in is, does not belong in the middle of this one.
  function refuseOtherPages(event) {
    const { xhr, pathInfo } = event.detail;
    if (!event.target.closest("[data-fragment]") || !xhr.responseURL) return;
    const asked = new URL(pathInfo.requestPath, location.href).pathname;
    if (new URL(xhr.responseURL).pathname === asked) return;
    event.detail.shouldSwap = false;
    partDown(event);
  }

  function retryPart(event) {
    const link = event.target.closest("[data-retry]");
    if (!link) return;
    event.preventDefault();
    const part = link.closest("[data-fragment]");
    setPartDown(part, false);
    htmx.trigger(part, "makker:retry");
  }

  function focusErrors(root) {
    root.querySelector("[data-error-summary]")?.focus();
  }

  function sendOnce(event) {
    const form = event.target;
    if (!form.matches("[data-command]")) return;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
    // The button that was pressed is a part of the answer, so it may be disabled only once the form is gathered.
    setTimeout(() => {
      for (const button of form.querySelectorAll("button[type=submit]")) button.disabled = true;
    });
  }

  function toggleMenu(event) {
    const button = event.target.closest("[data-menu]");
    if (button) button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") !== "true"));
  }

  document.addEventListener("DOMContentLoaded", () => {
    askForNamesSoon();
    focusErrors(document);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    askForNamesSoon();
    focusErrors(event.target);
  });
  document.addEventListener("htmx:beforeSwap", refuseOtherPages);
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, partDown);
  }
  document.addEventListener("click", retryPart);
  document.addEventListener("click", toggleMenu);
  document.addEventListener("submit", sendOnce);
  // A page kept from before the form was sent shows what was then, and its form's key is used: fetch it anew.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
