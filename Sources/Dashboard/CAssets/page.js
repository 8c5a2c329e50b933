// The script of every page: parts that change, ages, keys, the theme. Without scripts every table is there all the same.
"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const live = document.getElementById("live");
  const themes = ["", "light", "dark"];
  const setTheme = (word) => {
    if (word) root.dataset.theme = word; else delete root.dataset.theme;
    theme.textContent = `theme: ${word || "system"}`;
    theme.setAttribute("aria-label", `theme: ${word || "system"}; press for the next`);
    dispatchEvent(new Event("pra-theme"));
  };
  const stored = () => { try { return localStorage.getItem("pra-theme") || ""; } catch { return ""; } };
  theme.hidden = false;
  setTheme(stored());
  theme.addEventListener("click", () => {
    const next = themes[(themes.indexOf(stored()) + 1) % themes.length];
    try { localStorage.setItem("pra-theme", next); } catch { /* a theme of this page alone */ }
    setTheme(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("pra-theme")));

  // Times are the reader's; ages grow.
  const spell = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` :
    s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min` : `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
  const clock = new Intl.DateTimeFormat([], { dateStyle: "short", timeStyle: "medium" });
  const times = () => {
    for (const time of document.querySelectorAll("time")) {
      const at = new Date(time.dateTime);
      const age = Math.round((Date.now() - at) / 1000);
      const words = time.classList.contains("age")
        ? (age < 0 ? `in ${spell(-age)}` : `${spell(age)} ago`)
        : isNaN(at) ? time.textContent : clock.format(at);
      if (time.textContent !== words) time.textContent = words;
    }
  };

  // Rows of images at another step, and further ones as one scrolls.
  const parsed = async (address) => new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
  let turn = 0;
  const swap = async (address) => {
    const own = ++turn;
    const other = await parsed(address);
    if (own !== turn) return;
    for (const id of ["large", "rows"]) {
      const part = document.getElementById(id);
      const fresh = other.getElementById(id);
      if (!part) continue;
      part.dataset.seen = fresh.innerHTML;
      part.replaceChildren(...fresh.childNodes);
    }
    watch();
  };
  const coming = new IntersectionObserver(async (seen) => {
    const link = seen.find((one) => one.isIntersecting)?.target;
    if (!link) return;
    coming.unobserve(link);
    const section = (await parsed(link.href)).getElementById("rows");
    for (const part of section.querySelectorAll(".head, .legend, .message")) part.remove();
    link.parentElement.replaceWith(...section.childNodes);
    // Rows that one has scrolled to stay.
    document.getElementById("rows").removeAttribute("data-live");
    watch();
  });
  const watch = () => { for (const link of document.querySelectorAll("a.further")) coming.observe(link); };
  // A drawn image that is clicked is shown large.
  document.addEventListener("click", (event) => {
    const sheet = event.target.closest?.(".images img.sheet");
    // One that has not come has no width.
    if (!sheet || !sheet.complete || !sheet.clientWidth || new URL(sheet.src).searchParams.has("class")) return;
    const columns = +sheet.dataset.columns;
    const address = new URL(location.href);
    address.searchParams.set("image", +sheet.dataset.first + Math.floor(event.offsetX / sheet.clientWidth * columns));
    location.href = address;
  });

  // A slider beside a choice of several, as of the steps at which images were drawn; the address follows.
  const pick = () => {
    for (const form of document.querySelectorAll("form.pick")) {
      const select = form.querySelector("select");
      if (select.options.length < 2 || form.querySelector("input[type=range]")) continue;
      const slider = document.createElement("input");
      slider.type = "range";
      slider.max = select.options.length - 1;
      slider.value = select.selectedIndex;
      slider.setAttribute("aria-label", `${select.getAttribute("aria-label")}, from the first step to the last`);
      form.querySelector("button").replaceWith(slider);
      const show = () => {
        const address = new URL(location.href);
        address.searchParams.set(select.name, select.value);
        history.replaceState(null, "", address);
        if (form.dataset.rows) { swap(address); return; }
        const sheet = form.parentElement.querySelector("img.sheet");
        const source = new URL(sheet.src);
        source.searchParams.set("samplings", select.value);
        sheet.src = source;
      };
      slider.addEventListener("input", () => { select.selectedIndex = slider.value; show(); });
      select.addEventListener("change", () => { slider.value = select.selectedIndex; show(); });
    }
  };

  // On a narrow screen each cell of such a row is a line, with the words of its column before it.
  const name = () => {
    for (const table of document.querySelectorAll("table.stack:not(.named)")) {
      const heads = [...table.tHead.rows[0].cells].map((one) => one.textContent);
      for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, place) => { cell.dataset.head = heads[place]; });
      table.classList.add("named");
    }
  };

  // Parts of the page that are new replace those that are there; what has the focus keeps it.
  let mark = null;
  let asked = 0;
  const isChosen = () => [...document.querySelectorAll("#chosen input:checked")].map((one) => one.value);
  const take = (text) => {
    const other = new DOMParser().parseFromString(text, "text/html");
    const chosen = isChosen();
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = other.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!fresh || part.contains(document.activeElement) && part.dataset.live !== "log" && document.activeElement !== document.body
        && ["INPUT", "SELECT"].includes(document.activeElement.tagName)) continue;
      const seen = fresh.innerHTML;
      if (part.dataset.seen === seen) continue;
      const following = part.dataset.follow && innerHeight + scrollY >= document.body.scrollHeight - 60;
      part.replaceChildren(...fresh.childNodes);
      part.dataset.seen = seen;
      if (following) scrollTo(0, document.body.scrollHeight);
    }
    for (const value of chosen) {
      const box = document.querySelector(`#chosen input[value="${value}"]`);
      if (box) box.checked = true;
    }
    const stale = document.getElementById("stale");
    const banner = other.getElementById("stale");
    stale.className = banner.className;
    stale.hidden = banner.hidden;
    stale.textContent = banner.textContent;
    times();
    pick();
    name();
    watch();
  };
  for (const part of document.querySelectorAll("[data-live]")) part.dataset.seen = part.innerHTML;
  const ask = async () => {
    if (document.hidden || !document.querySelector("[data-live]")) return;
    try {
      const reply = await fetch(location.href, { headers: { "X-Poll": "1", ...(mark && { "If-None-Match": mark }) }, cache: "no-store" });
      if (reply.status === 200) {
        mark = reply.headers.get("ETag");
        take(await reply.text());
      } else if (reply.status !== 304) {
        live.textContent = "the server does not answer as it should";
        return;
      }
      asked = Date.now();
      live.textContent = "live";
    } catch {
      live.textContent = asked ? `the server is away, figures of ${spell(Math.round((Date.now() - asked) / 1000))} ago` : "the server is away";
    }
  };
  live.textContent = "live";
  times();
  pick();
  name();
  watch();
  setInterval(times, 1000);
  setInterval(ask, 2000);
  document.addEventListener("visibilitychange", ask);

  // On paper: where it was seen, and when.
  addEventListener("beforeprint", () => { document.getElementById("printed").textContent = `${location.href}, ${new Date().toLocaleString()}`; });

  // Keys: / finds, j and k walk rows, Enter opens, ? lists them.
  const rows = () => [...document.querySelectorAll("table.rows tbody tr")].filter((row) => row.querySelector("a"));
  let here = -1;
  const walk = (by) => {
    const all = rows();
    if (!all.length) return;
    here = Math.max(0, Math.min(all.length - 1, here + by));
    all.forEach((row, place) => row.classList.toggle("here", place === here));
    all[here].querySelector("a").focus();
    all[here].scrollIntoView({ block: "nearest" });
  };
  const help = document.createElement("dialog");
  help.append(document.createElement("h2"), document.createElement("p"));
  help.firstChild.textContent = "Keys";
  help.lastChild.textContent = "/ finds a run, or a job by its number · j and k walk the rows, Enter opens one · in a chart: arrows move the range, + and - change it, 0 shows all · ? lists keys, Escape closes";
  document.body.append(help);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) return;
    if (event.key === "/") { document.querySelector(".find input").focus(); event.preventDefault(); }
    if (event.key === "j") walk(1);
    if (event.key === "k") walk(-1);
    if (event.key === "?") help.open ? help.close() : help.showModal();
  });
})();
