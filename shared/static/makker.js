// What a page does in the browser: the menu on a phone, people's names, parts that do not answer, commands.
// Without it every page can still be read and every form sent. It stores nothing, and asks its own address alone.
"use strict";

document.documentElement.classList.add("js");

(() => {
  const NAMES_URL = "/intake/api/people/names";
  const NAMES_WAIT_MILLISECONDS = 150;

  // Names that have been answered, by person; null where intake did not give one.
  const names = new Map();
  // Those with a secret address: the mark stands wherever their name does.
  const marked = new Set();
  let namesTimer;

  function showNames() {
    for (const place of document.querySelectorAll("[data-person]")) {
      const name = names.get(place.dataset.person);
      if (name === undefined) continue;
      if (name === null) place.title = document.body.dataset.nameHidden;
      else place.textContent = name;
      if (marked.has(place.dataset.person)) place.append(` (${document.body.dataset.nameProtected})`);
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
        if (answer.ok) {
          const told = await answer.json();
          known = told.names;
          for (const id of told.protected ?? []) marked.add(id);
        }
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

  // Several parts tell a piece of one list each: their items move to the list that the page keeps for them.
  function joinLists() {
    for (const whole of document.querySelectorAll("[data-join]")) {
      const items = document.querySelectorAll(`[data-fragment] ${whole.dataset.join} > li`);
      const emptied = new Set([...items].map((item) => item.parentElement));
      const order = "latestFirst" in whole.dataset ? -1 : 1;
      const all = [...whole.children, ...items].map((item) => [item.dataset.order, item]);
      all.sort(([one], [other]) => (one === other ? 0 : one < other ? -order : order));
      whole.append(...all.map(([, item]) => item));
      for (const list of emptied) list.remove();
    }
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

  function setSending(form, isSending) {
    if (isSending) form.setAttribute("aria-busy", "true");
    else form.removeAttribute("aria-busy");
    for (const button of form.querySelectorAll("button[type=submit]")) button.disabled = isSending;
  }

  // A command is sent once, and what was typed stays in the form when it is refused.
  async function sendCommand(event) {
    const form = event.target;
    if (!form.matches("[data-command]")) return;
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    setSending(form, true);
    let page = "";
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { Accept: "text/html" }, body });
      if (answer.redirected) {
        goTo(answer.url, body.get("return_to"));
        return;
      }
      page = await answer.text();
    } catch {
      // It may have arrived all the same: sent again it carries the same key, and takes effect once.
    }
    showRefusal(form, page);
    setSending(form, false);
  }

  // An answer's address has lost the place on the page that the form named; and what has been done is seen only
  // once the page is fetched anew, also where the address stays what it was.
  function goTo(address, returnTo) {
    const place = (returnTo ?? "").split("#")[1];
    history.pushState(null, "", place ? `${address}#${place}` : address);
    location.reload();
  }

  // The page that says why becomes a note above the questions, and each fault leads to its own.
  function showRefusal(form, page) {
    const said = new DOMParser().parseFromString(page, "text/html").querySelector("[data-refusal]");
    const note = document.createElement("div");
    note.className = "alert alert-error";
    note.dataset.errorSummary = "";
    note.setAttribute("role", "alert");
    note.tabIndex = -1;
    note.append(said ? said.content : document.body.dataset.notSent);
    for (const group of form.querySelectorAll(".form-error")) group.classList.remove("form-error");
    for (const question of form.querySelectorAll("[aria-invalid]")) question.removeAttribute("aria-invalid");
    for (const link of note.querySelectorAll("[data-field]")) leadToField(form, link);
    form.querySelector("[data-error-summary]")?.remove();
    form.prepend(note);
    if (said?.dataset.version) allowAnyway(form, said.dataset);
    askForNamesSoon();
    note.focus();
  }

  // Somebody else was faster: their changes stand in the note, and the form is sent again only by its own button.
  function allowAnyway(form, { version, submit }) {
    form.querySelector("[name=version]").value = version;
    const buttons = form.querySelectorAll("button[type=submit]");
    if (buttons.length === 1) buttons[0].textContent = submit;
  }

  function leadToField(form, link) {
    const name = CSS.escape(link.dataset.field);
    const question = form.querySelector(`[name="${name}"][id], [name="${name}[]"][id]`);
    if (!question) {
      link.replaceWith(link.textContent);
      return;
    }
    link.href = `#${question.id}`;
    question.setAttribute("aria-invalid", "true");
    question.closest(".form-group").classList.add("form-error");
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
    joinLists();
    askForNamesSoon();
    focusErrors(event.target);
  });
  document.addEventListener("htmx:beforeSwap", refuseOtherPages);
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, partDown);
  }
  document.addEventListener("click", retryPart);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
  document.addEventListener("click", toggleMenu);
  document.addEventListener("submit", sendCommand);
  // A page kept from before the form was sent shows what was then, and its form's key is used: fetch it anew.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
